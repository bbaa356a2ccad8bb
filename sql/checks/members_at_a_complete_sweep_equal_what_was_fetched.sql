-- severity: error
-- One row per complete reading of a segment that saw another number of contacts than the log holds after it.
-- What was fetched is counted apart from the log: the one witness against lost, doubled or shifted changes.
-- So it also finds a scan called complete that read only a part, or did not look.

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
