-- severity: error
-- of the touched
-- One row per leave of a contact with seen_by removal that has no earlier row in the log of removals.
-- A removal that the same run records later counts too: it is the same finding.

with

changes as (

    select * from int_membership_changes

),

scans as (

    select * from int_scans

),

removals as (

    select * from int_contact_removals

),

leaves as (

    select
        changes.workspace_id,
        changes.segment_id,
        changes.member_id,
        changes.observed_at,
        scans.run_id

    from changes
    left join scans
        on
            changes.workspace_id = scans.workspace_id
            and changes.segment_id = scans.segment_id
            and changes.observed_at = scans.observed_at
    where
        not changes.is_member
        and changes.seen_by = 'removal'
        and not coalesce(scans.is_of_companies, false)

),

final as (

    select
        leaves.workspace_id,
        leaves.segment_id,
        leaves.member_id,
        leaves.observed_at,
        leaves.run_id

    from leaves
    left join removals
        on
            leaves.workspace_id = removals.workspace_id
            and leaves.member_id = removals.contact_id
            and removals.status <> 'active'
            and (leaves.observed_at >= removals.observed_at or leaves.run_id = removals.run_id)
    group by leaves.workspace_id, leaves.segment_id, leaves.member_id, leaves.observed_at, leaves.run_id
    having count(removals.contact_id) = 0

)

select * from final
