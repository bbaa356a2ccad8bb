-- severity: error
-- of the touched
-- One row per contact that is in a segment's last snapshot or in the segment now, but not in both.
-- Only for segments whose newest scan is complete or confirmed: after another one the log may be ahead of the snapshot.

with

scans as (

    select * from int_scans

),

segment_days as (

    select * from segment_daily

),

snapshots as (

    select * from segment_membership_snapshots

),

members as (

    select * from current_segment_members

),

whole_segments as (

    select
        workspace_id,
        segment_id

    from scans
    where
        is_newest
        and is_known

),

last_days as (

    select
        segment_days.workspace_id,
        segment_days.segment_id,
        max(segment_days.observed_on) as observed_on

    from segment_days
    -- inner: only segments whose newest scan is complete or confirmed
    inner join whole_segments
        on
            segment_days.workspace_id = whole_segments.workspace_id
            and segment_days.segment_id = whole_segments.segment_id
    group by segment_days.workspace_id, segment_days.segment_id

),

last_snapshots as (

    select
        snapshots.workspace_id,
        snapshots.segment_id,
        snapshots.contact_id

    from snapshots
    -- inner: only the last day
    inner join last_days
        on
            snapshots.workspace_id = last_days.workspace_id
            and snapshots.segment_id = last_days.segment_id
            and snapshots.observed_on = last_days.observed_on

),

members_now as (

    select
        members.workspace_id,
        members.segment_id,
        members.contact_id

    from members
    -- inner: only segments whose newest scan is complete or confirmed
    inner join whole_segments
        on
            members.workspace_id = whole_segments.workspace_id
            and members.segment_id = whole_segments.segment_id

),

final as (

    select
        coalesce(members_now.workspace_id, last_snapshots.workspace_id) as workspace_id,
        coalesce(members_now.segment_id, last_snapshots.segment_id) as segment_id,
        coalesce(members_now.contact_id, last_snapshots.contact_id) as contact_id,
        last_snapshots.contact_id is not null as is_in_snapshot,
        members_now.contact_id is not null as is_member

    from members_now
    full outer join last_snapshots
        on
            members_now.workspace_id = last_snapshots.workspace_id
            and members_now.segment_id = last_snapshots.segment_id
            and members_now.contact_id = last_snapshots.contact_id
    where members_now.contact_id is null or last_snapshots.contact_id is null

)

select * from final
