-- severity: error
-- One row per scan whose member count is not the number of members in the log after it.

with

scans as (

    select * from int_scans

),

final as (

    select
        workspace_id,
        segment_id,
        run_id,
        observed_at,
        member_count,
        logged_count

    from scans
    where member_count <> logged_count

)

select * from final
