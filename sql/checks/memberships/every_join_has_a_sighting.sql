-- severity: error
-- One row per scan with more joins than contacts it saw in the segment, or with joins although it read nothing.
-- A join needs a sighting.

with

scans as (

    select * from int_scans

),

final as (

    select
        workspace_id,
        segment_id,
        run_id,
        how,
        observed_at,
        fetched_count,
        joined_count

    from scans
    where
        joined_count > fetched_count
        or (joined_count > 0 and how in ('none', 'deleted'))

)

select * from final
