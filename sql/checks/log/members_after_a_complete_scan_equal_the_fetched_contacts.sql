-- severity: error
-- One row per complete scan of a segment that saw another number of contacts than the log has after it.
-- fetched_count is counted independently of the log: only it reveals lost, duplicate or misplaced changes.
-- It also finds a scan marked complete that read only a part, or nothing.

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
        fetched_count,
        logged_count

    from scans
    where
        status = 'complete'
        and how <> 'deleted'
        and coalesce(fetched_count <> logged_count, true)

)

select * from final
