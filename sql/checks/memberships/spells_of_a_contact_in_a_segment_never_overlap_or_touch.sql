-- severity: error
-- of the touched
-- One row per spell that has not ended when the next one begins, or ends at that very time.
-- Touching spells mean a duplicate row or a leave that did not happen, never a return.

with

memberships as (

    select * from int_memberships

),

followed as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        entered_at,
        left_at,

        lead(entered_at) over (
            partition by workspace_id, segment_id, member_id
            order by entered_at, spell_number
        ) as next_entered_at

    from memberships

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        left_at,
        next_entered_at

    from followed
    where
        next_entered_at is not null
        and (left_at is null or next_entered_at <= left_at)

)

select * from final
