-- one row per ticket and event in it, its creation included
--
-- The events are the parts that are loaded. Intercom sends the 500 newest of each ticket.

with

tickets as (

    select * from tickets

),

parts as (

    select * from ticket_parts

),

events as (

    select
        workspace_id,
        ticket_id,
        'created' as event,
        cast(null as text) as part_id,
        cast(null as text) as part_type,
        cast(null as text) as author_type,
        cast(null as text) as author_id,
        cast(null as text) as previous_ticket_state,
        cast(null as text) as ticket_state,
        cast(null as text) as assigned_to_type,
        cast(null as text) as assigned_to_id,
        cast(null as text) as attribute_id,
        cast(null as text) as attribute_name,
        created_at as happened_at

    from tickets
    where not is_deleted

    union all

    select
        parts.workspace_id,
        parts.ticket_id,
        case
            when parts.part_type = 'comment' then 'reply'
            when parts.part_type = 'note' then 'note'
            when parts.part_type like 'ticket_state_updated%' then 'state_changed'
            when parts.part_type like 'ticket_attribute_updated%' then 'attribute_changed'
            when parts.part_type like '%assign%' then 'assigned'
            else 'other'
        end as event,
        parts.part_id,
        parts.part_type,
        parts.author_type,
        parts.author_id,
        parts.previous_ticket_state,
        parts.ticket_state,
        parts.assigned_to_type,
        parts.assigned_to_id,
        parts.attribute_id,
        parts.attribute_name,
        parts.created_at as happened_at

    from parts
    -- inner: tickets that are not deleted
    inner join tickets
        on
            parts.workspace_id = tickets.workspace_id
            and parts.ticket_id = tickets.ticket_id
            and not tickets.is_deleted
    where not parts.is_deleted

),

numbered as (

    select
        workspace_id,
        ticket_id,
        row_number() over (
            partition by workspace_id, ticket_id
            order by case when event = 'created' then 0 else 1 end, happened_at, length(part_id), part_id
        ) as event_number,
        event,
        part_id,
        part_type,
        author_type,
        author_id,
        previous_ticket_state,
        ticket_state,
        assigned_to_type,
        assigned_to_id,
        attribute_id,
        attribute_name,
        happened_at,
        case when event in ('created', 'state_changed') then 1 else 0 end as begins_state

    from events

),

final as (

    select
        workspace_id,
        ticket_id,
        event_number,
        event,
        part_id,
        part_type,
        author_type,
        author_id,
        previous_ticket_state,
        ticket_state,
        assigned_to_type,
        assigned_to_id,
        attribute_id,
        attribute_name,
        date_diff(
            'second',
            min(case when event = 'created' then happened_at end) over (partition by workspace_id, ticket_id),
            happened_at
        ) as seconds_since_creation,
        case
            when event = 'state_changed'
                then date_diff(
                    'second',
                    lag(happened_at) over (partition by workspace_id, ticket_id, begins_state order by event_number),
                    happened_at
                )
        end as seconds_in_previous_state,
        happened_at

    from numbered

)

select * from final
