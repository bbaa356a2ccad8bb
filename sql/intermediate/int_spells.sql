-- one row per contact or company, segment and spell, with the windows in which it began and ended
-- A spell is [entered_at, left_at), in times of observation; segment_memberships decides why it began and ended.
-- observed_at is never null: `nulls first` is there because BigQuery cannot express the other order in a frame. All
-- three windows have it, because only windows with the same order share one sort.

with

changes as (

    select * from int_membership_changes

),

scans as (

    select * from int_scans

),

numbered as (

    select
        workspace_id,
        segment_id,
        member_id,
        is_member,
        observed_at as entered_at,
        observed_on as entered_on,

        lead(observed_at) over (
            partition by workspace_id, segment_id, member_id
            order by observed_at asc nulls first, is_member desc
        ) as left_at,

        lead(observed_on) over (
            partition by workspace_id, segment_id, member_id
            order by observed_at asc nulls first, is_member desc
        ) as left_on,

        lead(seen_by) over (
            partition by workspace_id, segment_id, member_id
            order by observed_at asc nulls first, is_member desc
        ) as left_seen_by,

        cast(sum(case when is_member then 1 else 0 end) over (
            partition by workspace_id, segment_id, member_id
            order by observed_at asc nulls first, is_member desc
            rows between unbounded preceding and current row
        ) as bigint) as spell_number

    from changes

),

bounded as (

    select
        numbered.workspace_id,
        numbered.segment_id,
        numbered.member_id,
        numbered.spell_number,
        numbered.entered_at,
        numbered.entered_on,
        numbered.left_at,
        numbered.left_on,
        entry_scans.complete_after as complete_before_entry,
        entry_scans.edited_at as edited_before_entry,
        exit_scans.edited_at as edited_before_exit,
        exit_scans.run_id as left_run_id,
        coalesce(exit_scans.how = 'deleted', false) as is_segment_deleted,
        coalesce(exit_scans.is_of_companies and numbered.left_seen_by = 'removal', false) as is_company_deleted,

        -- a contact seen by the end of the first complete scan was found, not seen to join; a return is a join
        numbered.spell_number = 1
        and numbered.entered_at <= coalesce(entry_scans.first_complete_at, numbered.entered_at) as is_baseline,

        -- the scan of the entry saw the contact after its start, so the contact left after that start
        case
            when numbered.left_at is null then null
            when exit_scans.complete_after > entry_scans.started_at then exit_scans.complete_after
            else entry_scans.started_at
        end as left_after

    from numbered
    left join scans as entry_scans
        on
            numbered.workspace_id = entry_scans.workspace_id
            and numbered.segment_id = entry_scans.segment_id
            and numbered.entered_at = entry_scans.observed_at
    left join scans as exit_scans
        on
            numbered.workspace_id = exit_scans.workspace_id
            and numbered.segment_id = exit_scans.segment_id
            and numbered.left_at = exit_scans.observed_at
    where numbered.is_member

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        entered_at,
        case when is_baseline then null else complete_before_entry end as entered_after,
        entered_on,
        left_at,
        left_after,
        left_on,
        left_run_id,
        is_baseline,
        is_segment_deleted,
        is_company_deleted,

        -- Intercom gives edits in whole seconds: an edit in the second in which a window starts is in the window
        coalesce(edited_before_entry >= date_trunc('second', complete_before_entry), false) as is_entry_after_edit,
        coalesce(edited_before_exit >= date_trunc('second', left_after), false) as is_exit_after_edit

    from bounded

)

select * from final
