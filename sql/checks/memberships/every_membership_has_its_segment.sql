-- severity: error
-- of the touched
-- One row per segment that has or had members but was never listed.

with

memberships as (

    select * from segment_memberships

),

segments as (

    select * from segments

),

final as (

    select
        memberships.workspace_id,
        memberships.segment_id,
        min(memberships.entered_at) as first_entered_at,
        count(*) as spell_count

    from memberships
    left join segments
        on
            memberships.workspace_id = segments.workspace_id
            and memberships.segment_id = segments.segment_id
    where segments.segment_id is null
    group by memberships.workspace_id, memberships.segment_id

)

select * from final
