-- one row per segment left, segment entered next and horizon: who moved from one to the other within that many days
-- The same segment twice is a return. A leave and an entry observed by one run count, in either order of their scans;
-- an entry observed by the run that last saw the contact in the first segment does not: it was in both by then.
-- Only leaves with the reason left and entries with the reason joined are moves.

with

memberships as (

    select * from int_memberships

),

scans as (

    select * from int_scans

),

watch as (

    select * from int_segment_watch

),

versions as (

    select * from segment_versions

),

horizons as (

    select 1 as days_within
    union all
    select 7 as days_within
    union all
    select 30 as days_within
    union all
    select 90 as days_within

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

-- left_after is when the scan started that last saw the contact; that scan's run had read all segments at seen_until
leaves as (

    select
        memberships.workspace_id,
        memberships.segment_id,
        memberships.member_id,
        memberships.spell_number,
        memberships.left_at,
        memberships.left_on,
        scan_starts.run_ended_at as seen_until,
        date_diff('day', memberships.left_on, watch.last_known_on) as watched_days

    from memberships
    -- inner: a segment without a known day has no leaves to follow
    inner join watch
        on
            memberships.workspace_id = watch.workspace_id
            and memberships.segment_id = watch.segment_id
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
        leaves.watched_days,
        entries.segment_id as to_segment_id,
        min(date_diff('day', leaves.left_on, entries.entered_on)) as days_between,
        -- where the two windows overlap, the join may have been first; in one segment it cannot have been
        max(case
            when leaves.segment_id = entries.segment_id then 0
            when entries.entered_after >= leaves.left_at then 0
            else 1
        end) as is_order_unproven

    from leaves
    -- inner: a leave without a later entry is in left_by_horizon alone
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
        leaves.watched_days,
        entries.segment_id

),

left_by_horizon as (

    select
        leaves.workspace_id,
        leaves.segment_id,
        horizons.days_within,
        count(*) as left_count

    from leaves
    inner join horizons
        on leaves.watched_days >= horizons.days_within
    group by leaves.workspace_id, leaves.segment_id, horizons.days_within

),

moved_by_horizon as (

    select
        moves.workspace_id,
        moves.segment_id,
        moves.to_segment_id,
        horizons.days_within,
        count(*) as moved_count,
        cast(sum(moves.is_order_unproven) as bigint) as order_unproven_count

    from moves
    inner join horizons
        on
            moves.watched_days >= horizons.days_within
            and moves.days_between <= horizons.days_within
    group by moves.workspace_id, moves.segment_id, moves.to_segment_id, horizons.days_within

),

final as (

    select
        moved_by_horizon.workspace_id,
        moved_by_horizon.segment_id,
        versions.segment_name,
        moved_by_horizon.to_segment_id,
        to_versions.segment_name as to_segment_name,
        moved_by_horizon.days_within,
        left_by_horizon.left_count,
        moved_by_horizon.moved_count,
        cast(moved_by_horizon.moved_count as double) / nullif(left_by_horizon.left_count, 0) as moved_rate,
        moved_by_horizon.order_unproven_count

    from moved_by_horizon
    left join left_by_horizon
        on
            moved_by_horizon.workspace_id = left_by_horizon.workspace_id
            and moved_by_horizon.segment_id = left_by_horizon.segment_id
            and moved_by_horizon.days_within = left_by_horizon.days_within
    left join versions
        on
            moved_by_horizon.workspace_id = versions.workspace_id
            and moved_by_horizon.segment_id = versions.segment_id
            and versions.is_current
    left join versions as to_versions
        on
            moved_by_horizon.workspace_id = to_versions.workspace_id
            and moved_by_horizon.to_segment_id = to_versions.segment_id
            and to_versions.is_current

)

select * from final
