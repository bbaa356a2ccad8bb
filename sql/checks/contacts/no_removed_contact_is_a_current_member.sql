-- severity: error
-- of the touched
-- One row per deleted, merged or vanished (unknown) contact that is still in a segment observed since its removal.
-- Archived and blocked contacts can return at any time, so they are not a fault.

with

removals as (

    select * from int_contact_removals

),

members as (

    select * from current_segment_members

),

scans as (

    select * from int_scans

),

last_readings as (

    select
        workspace_id,
        segment_id,
        max(observed_at) as observed_at

    from scans
    where is_known
    group by workspace_id, segment_id

),

final as (

    select
        members.workspace_id,
        members.segment_id,
        members.contact_id,
        removals.status as removal_status,
        removals.observed_at as removed_at,
        last_readings.observed_at

    from members
    -- inner: only members that were removed
    inner join removals
        on
            members.workspace_id = removals.workspace_id
            and members.contact_id = removals.contact_id
    -- inner: only segments with a complete or confirmed scan since
    inner join last_readings
        on
            members.workspace_id = last_readings.workspace_id
            and members.segment_id = last_readings.segment_id
            and removals.observed_at <= last_readings.observed_at
    where
        removals.is_newest
        and removals.status in ('deleted', 'merged', 'unknown')

)

select * from final
