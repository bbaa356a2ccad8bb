-- severity: error
-- of the touched
-- One row per leave recorded by a scan that proves no absence: it does not add up, or it read nothing.
-- A removed contact leaves every segment, however the segment was read, so its leaves are not checked here.

with

changes as (

    select * from int_membership_changes

),

scans as (

    select * from int_scans

),

final as (

    select
        changes.workspace_id,
        changes.segment_id,
        changes.member_id,
        changes.observed_at,
        changes.seen_by,
        scans.run_id,
        scans.how,
        scans.status

    from changes
    -- inner: another check finds a leave without a scan
    inner join scans
        on
            changes.workspace_id = scans.workspace_id
            and changes.segment_id = scans.segment_id
            and changes.observed_at = scans.observed_at
    where
        not changes.is_member
        and changes.seen_by <> 'removal'
        and (scans.status = 'incomplete' or scans.how = 'none')

)

select * from final
