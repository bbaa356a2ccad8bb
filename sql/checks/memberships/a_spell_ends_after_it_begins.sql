-- severity: error
-- of the touched
-- One row per spell that ends when it begins or earlier: an observation was written twice, or has a wrong time.

with

memberships as (

    select * from int_memberships

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        entered_at,
        left_at

    from memberships
    where left_at <= entered_at

)

select * from final
