-- one row per leave of a contact or company by itself, and one more per segment that it entered after that
-- An entry observed by the run that last saw the member in the first segment does not count: it was in both by then. In
-- the row of the leave to_segment_id is null.
-- A table, because every reader would search the entries after each leave again.

with

memberships as (

    select * from int_memberships

),

scans as (

    select * from int_scans

),

runs as (

    select
        workspace_id,
        run_id,
        max(observed_at) as ended_at

    from scans
    group by workspace_id, run_id

),

scan_starts as (

    select
        scans.workspace_id,
        scans.segment_id,
        scans.started_at,
        max(runs.ended_at) as run_ended_at

    from scans
    -- inner: every scan has its run
    inner join runs
        on
            scans.workspace_id = runs.workspace_id
            and scans.run_id = runs.run_id
    group by scans.workspace_id, scans.segment_id, scans.started_at

),

-- left_after is when the scan started that last saw the member; that scan's run had read all segments at seen_until
leaves as (

    select
        memberships.workspace_id,
        memberships.segment_id,
        memberships.member_id,
        memberships.spell_number,
        memberships.left_at,
        memberships.left_on,
        scan_starts.run_ended_at as seen_until

    from memberships
    -- inner: left_after is the start of a scan
    inner join scan_starts
        on
            memberships.workspace_id = scan_starts.workspace_id
            and memberships.segment_id = scan_starts.segment_id
            and memberships.left_after = scan_starts.started_at
    where memberships.leave_reason = 'left'

),

entries as (

    select
        workspace_id,
        segment_id,
        member_id,
        entered_at,
        entered_after,
        entered_on

    from memberships
    where enter_reason = 'joined'

),

-- the first entry after each leave
moves as (

    select
        leaves.workspace_id,
        leaves.segment_id,
        leaves.member_id,
        leaves.spell_number,
        leaves.left_on,
        entries.segment_id as to_segment_id,
        min(date_diff('day', leaves.left_on, entries.entered_on)) as days_between,
        -- where the two windows overlap, the join may have been first; in one segment it cannot have been
        max(case
            when leaves.segment_id = entries.segment_id then 0
            when entries.entered_after >= leaves.left_at then 0
            else 1
        end) = 1 as is_order_unproven

    from leaves
    -- inner: a leave without a later entry has its own row below
    inner join entries
        on
            leaves.workspace_id = entries.workspace_id
            and leaves.member_id = entries.member_id
            and leaves.seen_until < entries.entered_at
    group by
        leaves.workspace_id,
        leaves.segment_id,
        leaves.member_id,
        leaves.spell_number,
        leaves.left_on,
        entries.segment_id

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        left_on,
        cast(null as text) as to_segment_id,
        cast(null as bigint) as days_between,
        false as is_order_unproven

    from leaves

    union all

    select
        workspace_id,
        segment_id,
        member_id,
        spell_number,
        left_on,
        to_segment_id,
        days_between,
        is_order_unproven

    from moves

)

select * from final
