-- one row per contact now in a segment

with

memberships as (

    select * from segment_memberships

),

final as (

    select
        workspace_id,
        segment_id,
        segment_name,
        contact_id,
        entered_at,
        entered_after,
        entered_on,
        is_baseline,
        is_join,
        spell_number,
        enter_reason

    from memberships
    where is_current

)

select * from final
