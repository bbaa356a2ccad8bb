-- severity: error
-- One row per scan whose observed_at is before its own start, or not later than that of the scan before it.

with

scans as (

    select * from int_scans

),

followed as (

    select
        workspace_id,
        segment_id,
        run_id,
        started_at,
        observed_at,

        lag(observed_at) over (
            partition by workspace_id, segment_id
            order by started_at, observed_at
        ) as observed_at_before

    from scans

),

final as (

    select
        workspace_id,
        segment_id,
        run_id,
        started_at,
        observed_at,
        observed_at_before

    from followed
    where
        observed_at < started_at
        or observed_at <= observed_at_before

)

select * from final
