-- one row per conversation, contact in it, and segment that the contact was in when the conversation began
--
-- What was not observed is absent: a contact's segments before the first sync are unknown.

with

conversations as (

    select * from conversations

),

contacts as (

    select * from conversation_contacts

),

memberships as (

    select * from segment_memberships

),

final as (

    select
        conversations.workspace_id,
        conversations.conversation_id,
        contacts.contact_id,
        memberships.segment_id,
        memberships.spell_number,
        conversations.created_at as began_at,
        memberships.entered_at,
        memberships.left_at,
        memberships.is_current as is_still_member,
        memberships.leave_reason

    from conversations
    -- inner: only contacts that were in a segment
    inner join contacts
        on
            conversations.workspace_id = contacts.workspace_id
            and conversations.conversation_id = contacts.conversation_id
            and not contacts.is_deleted
    inner join memberships
        on
            contacts.workspace_id = memberships.workspace_id
            and contacts.contact_id = memberships.contact_id
            and conversations.created_at >= memberships.entered_at
            and (memberships.left_at is null or conversations.created_at < memberships.left_at)
    where not conversations.is_deleted

)

select * from final
