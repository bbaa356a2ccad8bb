-- severity: error
-- of the touched
-- One row per entry or exit at a time at which no scan observed the segment, so its window is unknown.

with

memberships as (

    select * from segment_memberships

),

scans as (

    select * from int_scans

),

events as (

    select
        workspace_id,
        segment_id,
        contact_id,
        'entered' as event,
        entered_at as occurred_at

    from memberships

    union all

    select
        workspace_id,
        segment_id,
        contact_id,
        'left' as event,
        left_at as occurred_at

    from memberships
    where left_at is not null

),

final as (

    select
        events.workspace_id,
        events.segment_id,
        events.contact_id,
        events.event,
        events.occurred_at

    from events
    left join scans
        on
            events.workspace_id = scans.workspace_id
            and events.segment_id = scans.segment_id
            and events.occurred_at = scans.observed_at
    where scans.observed_at is null

)

select * from final
