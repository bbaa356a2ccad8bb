-- one row per segment left, segment entered next and horizon: who moved from one to the other within that many days
-- The same segment twice is a return. A leave and an entry observed by one run count, in either order of their scans;
-- an entry observed by the run that last saw the contact in the first segment does not: it was in both by then.
-- Only leaves with the reason left and entries with the reason joined are moves.

with

moves as (

    select * from int_moves

),

watch as (

    select * from int_segment_watch

),

versions as (

    select * from segment_versions

),

horizons as (

    select 1 as days_within
    union all
    select 7 as days_within
    union all
    select 30 as days_within
    union all
    select 90 as days_within

),

-- counted before they are compared with the horizons, each of which has nearly all of them
counted as (

    select
        workspace_id,
        segment_id,
        to_segment_id,
        left_on,
        days_between,
        is_order_unproven,
        count(*) as move_count

    from moves
    group by workspace_id, segment_id, to_segment_id, left_on, days_between, is_order_unproven

),

measured as (

    select
        counted.workspace_id,
        counted.segment_id,
        counted.to_segment_id,
        counted.days_between,
        counted.is_order_unproven,
        counted.move_count,
        date_diff('day', counted.left_on, watch.last_known_on) as watched_days

    from counted
    -- inner: a segment without a known day has no leaves to follow
    inner join watch
        on
            counted.workspace_id = watch.workspace_id
            and counted.segment_id = watch.segment_id

),

left_by_horizon as (

    select
        measured.workspace_id,
        measured.segment_id,
        horizons.days_within,
        cast(sum(measured.move_count) as bigint) as left_count

    from measured
    inner join horizons
        on measured.watched_days >= horizons.days_within
    where measured.to_segment_id is null
    group by measured.workspace_id, measured.segment_id, horizons.days_within

),

moved_by_horizon as (

    select
        measured.workspace_id,
        measured.segment_id,
        measured.to_segment_id,
        horizons.days_within,
        cast(sum(measured.move_count) as bigint) as moved_count,
        cast(sum(case when measured.is_order_unproven then measured.move_count else 0 end) as bigint)
            as order_unproven_count

    from measured
    inner join horizons
        on
            measured.watched_days >= horizons.days_within
            and measured.days_between <= horizons.days_within
    where measured.to_segment_id is not null
    group by measured.workspace_id, measured.segment_id, measured.to_segment_id, horizons.days_within

),

final as (

    select
        moved_by_horizon.workspace_id,
        moved_by_horizon.segment_id,
        versions.segment_name,
        moved_by_horizon.to_segment_id,
        to_versions.segment_name as to_segment_name,
        moved_by_horizon.days_within,
        left_by_horizon.left_count,
        moved_by_horizon.moved_count,
        cast(moved_by_horizon.moved_count as double) / nullif(left_by_horizon.left_count, 0) as moved_rate,
        moved_by_horizon.order_unproven_count

    from moved_by_horizon
    left join left_by_horizon
        on
            moved_by_horizon.workspace_id = left_by_horizon.workspace_id
            and moved_by_horizon.segment_id = left_by_horizon.segment_id
            and moved_by_horizon.days_within = left_by_horizon.days_within
    left join versions
        on
            moved_by_horizon.workspace_id = versions.workspace_id
            and moved_by_horizon.segment_id = versions.segment_id
            and versions.is_current
    left join versions as to_versions
        on
            moved_by_horizon.workspace_id = to_versions.workspace_id
            and moved_by_horizon.to_segment_id = to_versions.segment_id
            and to_versions.is_current

)

select * from final
