-- severity: warn
-- One row per segment without a scan in the newest run: a run writes a scan for every segment, read or not.
-- A run that scans a segment for the first time may be the rest of an interrupted first load, so it is not checked. A
-- scan with status excluded is not such a first scan. Segments of companies are scanned only where companies are read.

with

all_scans as (

    select * from int_scans

),

scans as (

    select
        workspace_id,
        segment_id,
        run_id,
        how,
        status,
        observed_at,
        complete_after,
        is_newest

    from all_scans
    where not is_of_companies

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
    -- inner: the run has at least this scan
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
