-- severity: warn
-- One row per segment that the newest run did not observe, though it observes every segment, read or not.
-- A run that meets a segment for the first time may be the rest of an interrupted first load: it is let pass. One that
-- leaves a segment out does not meet it.

with

scans as (

    select * from int_scans

),

ordered_scans as (

    select
        workspace_id,
        run_id,
        row_number() over (partition by workspace_id order by observed_at desc) as recency

    from scans

),

newest_runs as (

    select
        ordered_scans.workspace_id,
        ordered_scans.run_id,
        max(
            case when scans.complete_after is null and scans.status <> 'excluded' then 1 else 0 end
        ) = 1 as meets_a_segment

    from ordered_scans
    -- inner: its own scan at least is one of the run
    inner join scans
        on
            ordered_scans.workspace_id = scans.workspace_id
            and ordered_scans.run_id = scans.run_id
    where ordered_scans.recency = 1
    group by ordered_scans.workspace_id, ordered_scans.run_id

),

final as (

    select
        scans.workspace_id,
        scans.segment_id,
        newest_runs.run_id,
        scans.observed_at as last_observed_at

    from scans
    -- inner: every workspace that was scanned has a newest run
    inner join newest_runs
        on
            scans.workspace_id = newest_runs.workspace_id
            and scans.run_id <> newest_runs.run_id
    where
        scans.is_newest
        and scans.how <> 'deleted'
        and not newest_runs.meets_a_segment

)

select * from final
