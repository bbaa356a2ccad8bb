-- severity: error
-- incremental
-- One row per entry or exit at a time at which no scan observed the segment, so its window is unknown.

with

events as (

    select * from segment_membership_events

),

scans as (

    select * from int_scans

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
