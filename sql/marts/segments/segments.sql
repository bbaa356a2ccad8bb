-- one row per segment ever listed, as it is now

with

versions as (

    select * from segment_versions

),

scans as (

    select * from int_scans

),

memberships as (

    select * from int_memberships

),

first_versions as (

    select
        workspace_id,
        segment_id,
        min(valid_from) as first_seen_at

    from versions
    group by workspace_id, segment_id

),

members_by_segment as (

    select
        workspace_id,
        segment_id,
        count(*) as member_count

    from memberships
    where is_current
    group by workspace_id, segment_id

),

last_scans as (

    select
        workspace_id,
        segment_id,
        max(case when status = 'complete' then observed_at end) as last_complete_scan_at,
        max(case when is_newest then reported_count end) as reported_count,
        max(case when is_newest then problem end) as problem,
        max(case when is_newest and how = 'deleted' then 1 else 0 end) = 1 as is_deleted

    from scans
    group by workspace_id, segment_id

),

final as (

    select
        versions.workspace_id,
        versions.segment_id,
        versions.name as segment_name,
        versions.name,
        versions.person_type,
        coalesce(last_scans.is_deleted, false) as is_deleted,
        coalesce(members_by_segment.member_count, 0) as member_count,
        last_scans.reported_count,
        last_scans.problem,
        versions.created_at,
        versions.updated_at,
        first_versions.first_seen_at,
        last_scans.last_complete_scan_at

    from versions
    left join first_versions
        on
            versions.workspace_id = first_versions.workspace_id
            and versions.segment_id = first_versions.segment_id
    left join members_by_segment
        on
            versions.workspace_id = members_by_segment.workspace_id
            and versions.segment_id = members_by_segment.segment_id
    left join last_scans
        on
            versions.workspace_id = last_scans.workspace_id
            and versions.segment_id = last_scans.segment_id
    where versions.is_current

)

select * from final
