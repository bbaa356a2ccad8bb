-- severity: warn
-- of the touched
-- One row per contact that is in a segment but was never loaded itself.
-- A contact that signs up during a run can be seen in a segment first; the next run loads it.

with

members as (

    select * from current_segment_members

),

contacts as (

    select * from stg_contacts

),

final as (

    select
        members.workspace_id,
        members.contact_id,
        min(members.entered_at) as first_entered_at,
        count(*) as segment_count

    from members
    left join contacts
        on
            members.workspace_id = contacts.workspace_id
            and members.contact_id = contacts.contact_id
    where contacts.contact_id is null
    group by members.workspace_id, members.contact_id

)

select * from final
