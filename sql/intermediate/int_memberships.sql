-- one row per contact or company, segment and spell: when it began, when it ended, and why; without the segment's name
-- Times are times of observation: the true time is in (entered_after, entered_at] and in (left_after, left_at].

with

spells as (

    select * from int_spells

),

removals as (

    select * from int_contact_removals

),

survivors as (

    select * from int_survivors

),

-- Merging and deleting are final, so each one before the leave counts. Archiving, blocking and disappearing are not
-- final, so they count only within the window of the leave. happened_at is in whole seconds, so the window's start is
-- truncated to the second. A run looks up the contacts that left after it has read all segments, so its findings belong
-- to the leaves of the same run.
removals_of_spells as (

    select
        spells.workspace_id,
        spells.segment_id,
        spells.member_id,
        spells.spell_number,
        spells.left_after,
        spells.left_at,
        spells.is_segment_deleted,
        removals.status,
        removals.merged_into_contact_id,
        removals.observed_at <= spells.left_at
        or coalesce(removals.run_id = spells.left_run_id, false)
        or coalesce(removals.happened_at <= spells.left_at, false) as is_before_leave,
        (removals.observed_at > spells.left_after and removals.observed_at <= spells.left_at)
        or coalesce(removals.run_id = spells.left_run_id, false)
        or coalesce(
            removals.happened_at >= date_trunc('second', spells.left_after)
            and removals.happened_at <= spells.left_at,
            false
        ) as is_in_window

    from spells
    -- inner: most contacts are never removed
    inner join removals
        on
            spells.workspace_id = removals.workspace_id
            and spells.member_id = removals.contact_id
    where spells.left_at is not null

),

removed_spells as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        max(left_after) as left_after,
        max(left_at) as left_at,
        max(case when is_segment_deleted then 1 else 0 end) = 1 as is_segment_deleted,
        max(case when status = 'merged' and is_before_leave then 1 else 0 end) = 1 as is_merged,
        max(case when status = 'deleted' and is_before_leave then 1 else 0 end) = 1 as is_deleted,
        max(case when status in ('archived', 'blocked') and is_in_window then 1 else 0 end) = 1 as is_archived,
        max(case when status = 'unknown' and is_in_window then 1 else 0 end) = 1 as is_unknown,
        max(case when status = 'merged' and is_before_leave then merged_into_contact_id end) as merged_into_contact_id

    from removals_of_spells
    group by workspace_id, segment_id, member_id, spell_number

),

ended_by_merge as (

    select
        workspace_id,
        segment_id,
        left_after,
        left_at,
        merged_into_contact_id

    from removed_spells
    where
        is_merged
        and not is_segment_deleted

),

-- the two windows overlap: one merge moved one contact out and the other in, though not always in the same run
begun_by_merge as (

    select distinct
        spells.workspace_id,
        spells.segment_id,
        spells.member_id,
        spells.spell_number

    from spells
    -- inner: only the targets of merges
    inner join ended_by_merge
        on
            spells.workspace_id = ended_by_merge.workspace_id
            and spells.segment_id = ended_by_merge.segment_id
            and spells.member_id = ended_by_merge.merged_into_contact_id
            and spells.entered_at > ended_by_merge.left_after
            and (spells.entered_after is null or spells.entered_after < ended_by_merge.left_at)

),

reasoned as (

    select
        spells.workspace_id,
        spells.segment_id,
        spells.member_id,
        spells.spell_number,
        spells.is_baseline,
        spells.entered_at,
        spells.entered_after,
        spells.entered_on,
        spells.left_at,
        spells.left_after,
        spells.left_on,
        coalesce(survivors.survivor_id, removed_spells.merged_into_contact_id) as merged_into_contact_id,

        case
            when spells.is_baseline then 'baseline'
            when begun_by_merge.member_id is not null then 'merge'
            when spells.is_entry_after_edit then 'segment_edited'
            else 'joined'
        end as enter_reason,

        case
            when spells.left_at is null then null
            when spells.is_segment_deleted then 'segment_deleted'
            when spells.is_company_deleted then 'company_deleted'
            when removed_spells.is_merged then 'contact_merged'
            when removed_spells.is_deleted then 'contact_deleted'
            when removed_spells.is_archived then 'contact_archived'
            when removed_spells.is_unknown then 'unknown'
            when spells.is_exit_after_edit then 'segment_edited'
            else 'left'
        end as leave_reason

    from spells
    left join removed_spells
        on
            spells.workspace_id = removed_spells.workspace_id
            and spells.segment_id = removed_spells.segment_id
            and spells.member_id = removed_spells.member_id
            and spells.spell_number = removed_spells.spell_number
    left join begun_by_merge
        on
            spells.workspace_id = begun_by_merge.workspace_id
            and spells.segment_id = begun_by_merge.segment_id
            and spells.member_id = begun_by_merge.member_id
            and spells.spell_number = begun_by_merge.spell_number
    left join survivors
        on
            spells.workspace_id = survivors.workspace_id
            and spells.member_id = survivors.contact_id

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        entered_at,
        left_at,
        entered_after,
        left_after,
        entered_on,
        left_on,
        left_at is null as is_current,
        is_baseline,
        enter_reason,
        leave_reason,
        case when leave_reason = 'contact_merged' then merged_into_contact_id end as merged_into_contact_id

    from reasoned

)

select * from final
