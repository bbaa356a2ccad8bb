-- one row per run and segment: a scan, with the state of our log for the segment after it
-- A change has the observed_at of its scan, so every window is found by equality, without an as-of join.
-- observed_at is never null: `nulls first` is there because BigQuery cannot express the other order in a frame.

with

scans as (

    select * from int_segment_scans

),

changes_by_scan as (

    select * from int_changes_by_scan

),

segments as (

    select * from stg_segments

),

versions as (

    select
        workspace_id,
        segment_id,
        updated_at,
        row_number() over (partition by workspace_id, segment_id order by updated_at) as version_number

    from segments

),

-- the first version is the definition found at first, and every later one is an edit; compared by Intercom's time,
-- because an edit made during a run is listed only by the next run
edits_by_scan as (

    select
        scans.workspace_id,
        scans.segment_id,
        scans.observed_at,
        max(versions.updated_at) as edited_at

    from scans
    -- inner: a scan without an earlier edit gets its null below
    inner join versions
        on
            scans.workspace_id = versions.workspace_id
            and scans.segment_id = versions.segment_id
            and scans.observed_at >= versions.updated_at
    where versions.version_number > 1
    group by scans.workspace_id, scans.segment_id, scans.observed_at

),

counted as (

    select
        scans.workspace_id,
        scans.segment_id,
        scans.is_of_companies,
        scans.run_id,
        scans.how,
        scans.status,
        scans.problem,
        scans.started_at,
        scans.observed_at,
        scans.observed_on,
        scans.reported_count,
        scans.search_count,
        scans.fetched_count,
        scans.member_count,
        edits_by_scan.edited_at,
        coalesce(changes_by_scan.joined_count, 0) as joined_count,
        coalesce(changes_by_scan.left_count, 0) as left_count

    from scans
    left join changes_by_scan
        on
            scans.workspace_id = changes_by_scan.workspace_id
            and scans.segment_id = changes_by_scan.segment_id
            and scans.observed_at = changes_by_scan.observed_at
    left join edits_by_scan
        on
            scans.workspace_id = edits_by_scan.workspace_id
            and scans.segment_id = edits_by_scan.segment_id
            and scans.observed_at = edits_by_scan.observed_at

),

final as (

    select
        workspace_id,
        segment_id,
        is_of_companies,
        run_id,
        how,
        status,
        problem,
        status in ('complete', 'confirmed') or how = 'deleted' as is_known,
        started_at,
        observed_at,
        observed_on,
        reported_count,
        search_count,
        fetched_count,
        member_count,
        joined_count,
        left_count,
        edited_at,

        cast(sum(joined_count - left_count) over (
            partition by workspace_id, segment_id
            order by observed_at nulls first
            rows between unbounded preceding and current row
        ) as bigint) as logged_count,

        -- the next windows start where the last complete scan started: it may have missed any change after that
        max(case when status = 'complete' then started_at end) over (
            partition by workspace_id, segment_id
            order by observed_at nulls first
            rows between unbounded preceding and 1 preceding
        ) as complete_after,

        min(case when status = 'complete' then observed_at end) over (
            partition by workspace_id, segment_id
        ) as first_complete_at,

        row_number() over (
            partition by workspace_id, segment_id
            order by observed_at desc
        ) = 1 as is_newest

    from counted

)

select * from final
