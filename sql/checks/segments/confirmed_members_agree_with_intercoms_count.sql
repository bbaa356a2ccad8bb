-- severity: warn
-- One row per segment whose newest scan is confirmed although none of Intercom's counts agrees with the log.
-- A count agrees if it equals the log's, or if it changed by as much as the log since the last complete scan, because
-- Intercom's count may differ from its list by a few for a long time. A warning, because Intercom's counts lag.

with

scans as (

    select * from int_scans

),

-- identified by started_at, which later scans in int_scans have as complete_after
complete_scans as (

    select
        workspace_id,
        segment_id,
        started_at,
        reported_count,
        logged_count

    from scans
    where status = 'complete'

),

final as (

    select
        scans.workspace_id,
        scans.segment_id,
        scans.run_id,
        scans.observed_at,
        scans.logged_count,
        scans.reported_count,
        scans.search_count

    from scans
    left join complete_scans
        on
            scans.workspace_id = complete_scans.workspace_id
            and scans.segment_id = complete_scans.segment_id
            and scans.complete_after = complete_scans.started_at
    where
        scans.is_newest
        and scans.status = 'confirmed'
        and not coalesce(scans.logged_count = scans.reported_count, false)
        and not coalesce(scans.logged_count = scans.search_count, false)
        and not coalesce(
            scans.logged_count - complete_scans.logged_count
            = scans.reported_count - complete_scans.reported_count,
            false
        )

)

select * from final
