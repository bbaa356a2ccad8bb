-- one row per observed change of one contact in one segment: each differs from the one before it
-- A table, because every reader would compare all changes again.

with

changes as (

    select * from stg_membership_changes

),

scans as (

    select * from stg_segment_scans

),

-- where a run scanned a segment twice, one of the two scans is loaded, and all changes that the run found belong to it
scanned as (

    select
        changes.workspace_id,
        changes.segment_id,
        changes.contact_id,
        changes.is_member,
        changes.seen_by,
        coalesce(scans.observed_at, changes.observed_at) as observed_at

    from changes
    left join scans
        on
            changes.workspace_id = scans.workspace_id
            and changes.run_id = scans.run_id
            and changes.segment_id = scans.segment_id

),

followed as (

    select
        workspace_id,
        segment_id,
        contact_id,
        is_member,
        seen_by,
        observed_at,

        coalesce(lag(is_member) over (
            partition by workspace_id, segment_id, contact_id
            order by observed_at asc, is_member desc
        ), false) as was_member

    from scanned

),

final as (

    select
        workspace_id,
        segment_id,
        contact_id,
        is_member,
        seen_by,
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on

    from followed
    where is_member <> was_member

)

select * from final
