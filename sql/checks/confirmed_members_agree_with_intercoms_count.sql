-- severity: warn
-- One row per segment whose newest scan is confirmed, and yet no count of Intercom's agrees with the log.
-- A count agrees if it is the log's, or moved by as much as the log since the last complete scan: what Intercom counts
-- may differ from what it lists by a few for long. A warning, since Intercom's counts lag.

with

scans as (

    select * from int_scans

),

-- told by when it began, which is what int_scans says of the last one
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
