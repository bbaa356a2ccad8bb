-- one row per contact and event: it signed up, or entered or left a segment
-- The order within a day is known only where occurred_after of one event is not before occurred_at of the other.

with

events as (

    select * from segment_membership_events

),

contacts as (

    select * from contacts

),

final as (

    select
        workspace_id,
        contact_id,
        occurred_on,
        event,
        segment_id,
        segment_name,
        reason,
        spell_number,
        occurred_after,
        occurred_at

    from events

    union all

    select
        workspace_id,
        contact_id,
        cast(signed_up_at at time zone 'UTC' as date) as occurred_on,
        'signed_up' as event,
        null as segment_id,
        null as segment_name,
        null as reason,
        null as spell_number,
        signed_up_at as occurred_after,
        signed_up_at as occurred_at

    from contacts
    where signed_up_at is not null

)

select * from final
