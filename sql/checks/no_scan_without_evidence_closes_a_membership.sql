-- severity: error
-- One row per leave found by a scan that proves nobody absent: it does not add up, or read nothing.
-- A contact known to be removed leaves every segment, however the segment itself was read.

with

changes as (

    select * from stg_membership_changes

),

scans as (

    select * from int_scans

),

final as (

    select
        changes.workspace_id,
        changes.segment_id,
        changes.contact_id,
        changes.observed_at,
        changes.seen_by,
        scans.run_id,
        scans.how,
        scans.status

    from changes
    -- inner: a leave without a scan is another check's fault
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
