-- severity: warn
-- One row per segment with loaded changes that have no effect: a join of a member, or a leave of another contact. They
-- are left out. `intercom-warehouse repair` removes them.

with

loaded as (

    select * from stg_membership_changes

),

changes as (

    select * from int_membership_changes

),

loaded_by_segment as (

    select
        workspace_id,
        segment_id,
        count(*) as loaded_changes

    from loaded
    group by workspace_id, segment_id

),

effective_by_segment as (

    select
        workspace_id,
        segment_id,
        count(*) as effective_changes

    from changes
    group by workspace_id, segment_id

),

final as (

    select
        loaded_by_segment.workspace_id,
        loaded_by_segment.segment_id,
        loaded_by_segment.loaded_changes,
        coalesce(effective_by_segment.effective_changes, 0) as effective_changes

    from loaded_by_segment
    left join effective_by_segment
        on
            loaded_by_segment.workspace_id = effective_by_segment.workspace_id
            and loaded_by_segment.segment_id = effective_by_segment.segment_id
    where loaded_by_segment.loaded_changes <> coalesce(effective_by_segment.effective_changes, 0)

)

select * from final
