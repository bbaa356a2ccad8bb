-- one row per segment and UTC day on which members entered it or left it: how many, and why
-- The day is that of the observation, also if the segment has no row in int_segment_days on it.

with

memberships as (

    select * from int_memberships

),

moves as (

    select
        workspace_id,
        segment_id,
        entered_on as moved_on,
        case when is_baseline then 1 else 0 end as baseline_count,
        case when is_baseline then 0 else 1 end as entered_count,
        case when spell_number > 1 then 1 else 0 end as rejoined_count,
        0 as left_count,
        0 as left_of_themselves_count,
        0 as contact_gone_count,
        0 as segment_changed_count

    from memberships

    union all

    select
        workspace_id,
        segment_id,
        left_on as moved_on,
        0 as baseline_count,
        0 as entered_count,
        0 as rejoined_count,
        1 as left_count,
        case when leave_reason = 'left' then 1 else 0 end as left_of_themselves_count,
        case
            when leave_reason in (
                'contact_deleted', 'contact_archived', 'contact_merged', 'company_deleted', 'unknown'
            ) then 1
            else 0
        end as contact_gone_count,
        case when leave_reason in ('segment_edited', 'segment_deleted') then 1 else 0 end as segment_changed_count

    from memberships
    where left_on is not null

),

final as (

    select
        workspace_id,
        segment_id,
        moved_on,
        cast(sum(baseline_count) as bigint) as baseline_count,
        cast(sum(entered_count) as bigint) as entered_count,
        cast(sum(rejoined_count) as bigint) as rejoined_count,
        cast(sum(left_count) as bigint) as left_count,
        cast(sum(left_of_themselves_count) as bigint) as left_of_themselves_count,
        cast(sum(contact_gone_count) as bigint) as contact_gone_count,
        cast(sum(segment_changed_count) as bigint) as segment_changed_count

    from moves
    group by workspace_id, segment_id, moved_on

)

select * from final
