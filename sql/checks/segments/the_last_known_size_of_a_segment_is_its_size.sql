-- severity: error
-- One row per segment whose calendar ends on an observed day with another size than the segment has now.

with

segment_calendar as (

    select * from segment_calendar

),

segments as (

    select * from segments

),

days as (

    select * from int_days

),

final as (

    select
        segments.workspace_id,
        segments.segment_id,
        segments.member_count,
        segment_calendar.known_member_count

    from segments
    -- inner: a segment that was never known has no calendar
    inner join segment_calendar
        on
            segments.workspace_id = segment_calendar.workspace_id
            and segments.segment_id = segment_calendar.segment_id
    -- inner: only the last day of the workspace
    inner join days
        on
            segment_calendar.workspace_id = days.workspace_id
            and segment_calendar.day = days.day
            and days.is_last
    where
        segment_calendar.day_status <> 'unobserved'
        and segments.member_count <> segment_calendar.known_member_count

)

select * from final
