-- one row per segment: how much it changes, and how completely it was observed

with

segments as (

    select * from segments

),

segment_calendar as (

    select * from segment_calendar

),

watch as (

    select * from int_segment_watch

),

versions as (

    select * from segment_versions

),

memberships as (

    select * from int_memberships

),

days as (

    select * from int_days

),

last_days as (

    select
        workspace_id,
        day as last_day

    from days
    where is_last

),

by_segment as (

    select
        segment_calendar.workspace_id,
        segment_calendar.segment_id,
        cast(sum(case when segment_calendar.day_status = 'unobserved' then 1 else 0 end) as bigint)
            as unobserved_day_count,
        max(case when segment_calendar.day_status = 'unobserved' then segment_calendar.days_since_known else 0 end)
            as longest_gap_days,
        max(case when segment_calendar.day_status = 'unobserved' then segment_calendar.day end) as last_unobserved_on,
        cast(sum(coalesce(segment_calendar.entered_count, 0)) as bigint) as entered_count,
        cast(sum(coalesce(segment_calendar.left_count, 0)) as bigint) as left_count,
        cast(sum(case
            when date_diff('day', segment_calendar.day, last_days.last_day) < 28
                then coalesce(segment_calendar.entered_count, 0)
            else 0
        end) as bigint) as entered_28_days_count,
        cast(sum(case
            when date_diff('day', segment_calendar.day, last_days.last_day) < 28
                then coalesce(segment_calendar.left_of_themselves_count, 0)
            else 0
        end) as bigint) as left_of_themselves_28_days_count

    from segment_calendar
    left join last_days
        on segment_calendar.workspace_id = last_days.workspace_id
    group by segment_calendar.workspace_id, segment_calendar.segment_id

),

edits as (

    select
        workspace_id,
        segment_id,
        count(*) - 1 as edit_count,
        max(case when version_number > 1 then updated_at end) as last_edited_at

    from versions
    group by workspace_id, segment_id

),

windows as (

    select
        workspace_id,
        segment_id,
        max(date_diff('day', cast(entered_after at time zone 'UTC' as date), entered_on)) as widest_window_days

    from memberships
    where not is_baseline
    group by workspace_id, segment_id

),

final as (

    select
        segments.workspace_id,
        segments.segment_id,
        segments.segment_name,
        segments.is_deleted,
        segments.member_count,
        segments.reported_count,
        segments.problem,
        watch.first_known_on,
        watch.last_known_on,
        date_diff('day', watch.last_known_on, last_days.last_day) as days_since_known,
        coalesce(watch.known_day_count, 0) as known_day_count,
        coalesce(watch.swept_day_count, 0) as swept_day_count,
        coalesce(by_segment.unobserved_day_count, 0) as unobserved_day_count,
        coalesce(by_segment.longest_gap_days, 0) as longest_gap_days,
        by_segment.last_unobserved_on,
        windows.widest_window_days,
        coalesce(edits.edit_count, 0) as edit_count,
        edits.last_edited_at,
        coalesce(by_segment.entered_count, 0) as entered_count,
        coalesce(by_segment.left_count, 0) as left_count,
        coalesce(by_segment.entered_28_days_count, 0) as entered_28_days_count,
        coalesce(by_segment.left_of_themselves_28_days_count, 0) as left_of_themselves_28_days_count,
        coalesce(by_segment.entered_count + by_segment.left_count, 0) = 0 as is_unmoved

    from segments
    left join watch
        on
            segments.workspace_id = watch.workspace_id
            and segments.segment_id = watch.segment_id
    left join by_segment
        on
            segments.workspace_id = by_segment.workspace_id
            and segments.segment_id = by_segment.segment_id
    left join edits
        on
            segments.workspace_id = edits.workspace_id
            and segments.segment_id = edits.segment_id
    left join windows
        on
            segments.workspace_id = windows.workspace_id
            and segments.segment_id = windows.segment_id
    left join last_days
        on segments.workspace_id = last_days.workspace_id

)

select * from final
