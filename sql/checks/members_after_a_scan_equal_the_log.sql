-- severity: error
-- One row per scan that left another number of members than the log holds after it.

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
