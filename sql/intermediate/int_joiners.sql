-- one row per segment, day of joining and way of staying: the number of spells that began and went on alike
-- Only spells whose beginning was observed: how long a baseline had been in the segment is unknown.

with

memberships as (

    select * from int_memberships

),

joined as (

    select
        workspace_id,
        segment_id,
        entered_on,
        left_on,
        cast(left_after at time zone 'UTC' as date) as seen_until_on,
        -- the contact left, or no longer exists; other ends say nothing of how long contacts stay
        coalesce(
            leave_reason in ('left', 'contact_deleted', 'contact_archived', 'company_deleted', 'unknown'), false
        ) as is_ended,
        coalesce(leave_reason in ('segment_edited', 'segment_deleted', 'contact_merged'), false) as is_cut_off

    from memberships
    where enter_reason = 'joined'

),

final as (

    select
        workspace_id,
        segment_id,
        entered_on,
        left_on,
        seen_until_on,
        is_ended,
        is_cut_off,
        count(*) as joiner_count

    from joined
    group by workspace_id, segment_id, entered_on, left_on, seen_until_on, is_ended, is_cut_off

)

select * from final
