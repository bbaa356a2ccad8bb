-- one row per UTC day and segment, for the days with a complete or confirmed scan of the segment
-- Any other day is absent, not zero: changes seen on it are counted on the next day that is present.
-- observed_on is never null: `nulls first` is there because BigQuery cannot express the other order in a frame.

with

scans as (

    select * from int_scans

),

moves_by_day as (

    select * from int_day_moves

),

ordered_scans as (

    select
        workspace_id,
        segment_id,
        observed_on,
        observed_at,
        status,
        is_known,
        reported_count,
        logged_count,

        row_number() over (
            partition by workspace_id, segment_id, observed_on
            order by observed_at desc
        ) as recency,

        row_number() over (
            partition by workspace_id, segment_id, observed_on, is_known
            order by observed_at desc
        ) as recency_among_alike

    from scans

),

-- the log after the day's last scan of any status; Intercom's count at the day's last complete or confirmed scan
read_days as (

    select
        workspace_id,
        segment_id,
        observed_on,
        max(case when is_known then 1 else 0 end) = 1 as is_present,
        max(case when status = 'complete' then 1 else 0 end) = 1 as is_swept,
        max(case when recency = 1 then logged_count end) as member_count,
        max(case when is_known and recency_among_alike = 1 then reported_count end) as reported_count,
        max(case when is_known then observed_at end) as observed_at

    from ordered_scans
    group by workspace_id, segment_id, observed_on

),

-- the day on which a day's changes are counted: the day itself, or the next day that is present
counted_days as (

    select
        workspace_id,
        segment_id,
        observed_on,

        min(case when is_present then observed_on end) over (
            partition by workspace_id, segment_id
            order by observed_on nulls first
            rows between current row and unbounded following
        ) as counted_on

    from read_days

),

moves_by_counted_day as (

    select
        counted_days.workspace_id,
        counted_days.segment_id,
        counted_days.counted_on,
        cast(sum(moves_by_day.baseline_count) as bigint) as baseline_count,
        cast(sum(moves_by_day.entered_count) as bigint) as entered_count,
        cast(sum(moves_by_day.rejoined_count) as bigint) as rejoined_count,
        cast(sum(moves_by_day.left_count) as bigint) as left_count,
        cast(sum(moves_by_day.left_of_themselves_count) as bigint) as left_of_themselves_count,
        cast(sum(moves_by_day.contact_gone_count) as bigint) as contact_gone_count,
        cast(sum(moves_by_day.segment_changed_count) as bigint) as segment_changed_count

    from counted_days
    -- inner: a day without changes gets its zeros below
    inner join moves_by_day
        on
            counted_days.workspace_id = moves_by_day.workspace_id
            and counted_days.segment_id = moves_by_day.segment_id
            and counted_days.observed_on = moves_by_day.moved_on
    group by counted_days.workspace_id, counted_days.segment_id, counted_days.counted_on

),

final as (

    select
        read_days.workspace_id,
        read_days.segment_id,
        read_days.observed_on,
        read_days.observed_at,
        read_days.member_count,
        coalesce(moves_by_counted_day.baseline_count, 0) as baseline_count,
        coalesce(moves_by_counted_day.entered_count, 0) as entered_count,
        coalesce(moves_by_counted_day.left_count, 0) as left_count,
        coalesce(moves_by_counted_day.left_of_themselves_count, 0) as left_of_themselves_count,
        coalesce(moves_by_counted_day.contact_gone_count, 0) as contact_gone_count,
        coalesce(moves_by_counted_day.segment_changed_count, 0) as segment_changed_count,
        coalesce(moves_by_counted_day.rejoined_count, 0) as rejoined_count,
        read_days.reported_count,
        read_days.is_swept

    from read_days
    left join moves_by_counted_day
        on
            read_days.workspace_id = moves_by_counted_day.workspace_id
            and read_days.segment_id = moves_by_counted_day.segment_id
            and read_days.observed_on = moves_by_counted_day.counted_on
    where read_days.is_present

)

select * from final
