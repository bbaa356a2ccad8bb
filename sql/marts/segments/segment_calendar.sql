-- one row per segment and UTC day since the segment was first known, days without an observation included
-- On a day without an observation the counts are null, so that a chart shows a gap; known_member_count is the last one.
-- day is never null: `nulls first` is there because BigQuery cannot express the other order in a frame.

with

days as (

    select * from int_days

),

segments as (

    select * from segments

),

daily as (

    select * from segment_daily

),

watch as (

    select * from int_segment_watch

),

dense as (

    select
        days.workspace_id,
        days.day,
        days.week_started_on,
        watch.segment_id,
        watch.last_known_on,
        daily.observed_on is not null as is_observed,
        daily.is_swept,
        daily.member_count,
        daily.baseline_count,
        daily.entered_count,
        daily.left_count,
        daily.left_of_themselves_count,
        daily.contact_gone_count,
        daily.segment_changed_count,
        daily.rejoined_count,
        daily.reported_count

    from days
    -- inner: a segment without a known size has no days
    inner join watch
        on
            days.workspace_id = watch.workspace_id
            and days.day >= watch.first_known_on
    left join daily
        on
            watch.workspace_id = daily.workspace_id
            and watch.segment_id = daily.segment_id
            and days.day = daily.observed_on

),

-- days with the same number follow the same known day
numbered as (

    select
        workspace_id,
        day,
        week_started_on,
        segment_id,
        last_known_on,
        is_observed,
        is_swept,
        member_count,
        baseline_count,
        entered_count,
        left_count,
        left_of_themselves_count,
        contact_gone_count,
        segment_changed_count,
        rejoined_count,
        reported_count,

        cast(sum(case when is_observed then 1 else 0 end) over (
            partition by workspace_id, segment_id
            order by day nulls first
            rows between unbounded preceding and current row
        ) as bigint) as known_day_number

    from dense

),

carried as (

    select
        workspace_id,
        day,
        week_started_on,
        segment_id,
        last_known_on,
        is_observed,
        is_swept,
        member_count,
        baseline_count,
        entered_count,
        left_count,
        left_of_themselves_count,
        contact_gone_count,
        segment_changed_count,
        rejoined_count,
        reported_count,

        max(member_count) over (
            partition by workspace_id, segment_id, known_day_number
        ) as known_member_count,

        min(day) over (
            partition by workspace_id, segment_id, known_day_number
        ) as known_on

    from numbered

),

final as (

    select
        carried.workspace_id,
        carried.segment_id,
        segments.segment_name,
        carried.day,
        carried.week_started_on,
        case
            when segments.is_deleted and carried.day > carried.last_known_on then 'deleted'
            when carried.is_swept then 'swept'
            when carried.is_observed then 'confirmed'
            else 'unobserved'
        end as day_status,
        carried.member_count,
        carried.known_member_count,
        date_diff('day', carried.known_on, carried.day) as days_since_known,
        carried.baseline_count,
        carried.entered_count,
        carried.left_count,
        carried.left_of_themselves_count,
        carried.contact_gone_count,
        carried.segment_changed_count,
        carried.rejoined_count,
        carried.reported_count

    from carried
    left join segments
        on
            carried.workspace_id = segments.workspace_id
            and carried.segment_id = segments.segment_id

)

select * from final
