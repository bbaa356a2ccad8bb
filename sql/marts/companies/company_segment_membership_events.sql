-- one row per entry of a company into a segment, and exit from it
-- Entries with the reason baseline were found by the first complete scan; they are not joins.

with

memberships as (

    select * from company_segment_memberships

),

final as (

    select
        workspace_id,
        segment_id,
        segment_name,
        company_id,
        'entered' as event,
        entered_at as occurred_at,
        entered_after as occurred_after,
        entered_on as occurred_on,
        enter_reason as reason,
        spell_number

    from memberships

    union all

    select
        workspace_id,
        segment_id,
        segment_name,
        company_id,
        'left' as event,
        left_at as occurred_at,
        left_after as occurred_after,
        left_on as occurred_on,
        leave_reason as reason,
        spell_number

    from memberships
    where not is_current

)

select * from final
