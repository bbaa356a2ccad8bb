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

watched as (

    select
        moves.workspace_id,
        moves.segment_id,
        moves.to_segment_id,
        moves.is_order_unproven,
        -- the leave itself is within every horizon
        coalesce(moves.days_between, 0) as days_between,
        date_diff('day', moves.left_on, watch.last_known_on) as watched_days

    from moves
    -- inner: a segment without a known day has no leaves to follow
    inner join watch
        on
            moves.workspace_id = watch.workspace_id
            and moves.segment_id = watch.segment_id

),

-- all horizons at once: a join with them would have four rows for each move
counted as (

    select
        workspace_id,
        segment_id,
        to_segment_id,
        count(case when watched_days >= 1 and days_between <= 1 then 1 end) as within_1,
        count(case when watched_days >= 7 and days_between <= 7 then 1 end) as within_7,
        count(case when watched_days >= 30 and days_between <= 30 then 1 end) as within_30,
        count(case when watched_days >= 90 and days_between <= 90 then 1 end) as within_90,
        count(case when is_order_unproven and watched_days >= 1 and days_between <= 1 then 1 end)
            as unproven_within_1,
        count(case when is_order_unproven and watched_days >= 7 and days_between <= 7 then 1 end)
            as unproven_within_7,
        count(case when is_order_unproven and watched_days >= 30 and days_between <= 30 then 1 end)
            as unproven_within_30,
        count(case when is_order_unproven and watched_days >= 90 and days_between <= 90 then 1 end)
            as unproven_within_90

    from watched
    group by workspace_id, segment_id, to_segment_id

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

by_horizon as (

    select
        counted.workspace_id,
        counted.segment_id,
        counted.to_segment_id,
        horizons.days_within,
        case horizons.days_within
            when 1 then counted.within_1
            when 7 then counted.within_7
            when 30 then counted.within_30
            else counted.within_90
        end as moved_count,
        case horizons.days_within
            when 1 then counted.unproven_within_1
            when 7 then counted.unproven_within_7
            when 30 then counted.unproven_within_30
            else counted.unproven_within_90
        end as order_unproven_count

    from counted
    inner join horizons on true

),

left_by_horizon as (

    select
        workspace_id,
        segment_id,
        days_within,
        moved_count as left_count

    from by_horizon
    where to_segment_id is null

),

moved_by_horizon as (

    select
        workspace_id,
        segment_id,
        to_segment_id,
        days_within,
        moved_count,
        order_unproven_count

    from by_horizon
    where
        to_segment_id is not null
        and moved_count > 0

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
