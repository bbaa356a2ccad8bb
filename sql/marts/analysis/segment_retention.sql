-- one row per segment, week of joining (from Monday) and horizon: how many were still members that many days later
-- retention_rate is the share of those observed for long enough. Baselines, merges and entries by an edit are no joins.

with

joiners as (

    select * from int_joiners

),

watch as (

    select * from int_segment_watch

),

segment_days as (

    select * from int_segment_days

),

days as (

    select * from int_days

),

versions as (

    select * from segment_versions

),

horizons as (

    select 1 as horizon_days
    union all
    select 7 as horizon_days
    union all
    select 14 as horizon_days
    union all
    select 30 as horizon_days
    union all
    select 60 as horizon_days
    union all
    select 90 as horizon_days
    union all
    select 180 as horizon_days
    union all
    select 365 as horizon_days

),

known_days as (

    select
        workspace_id,
        segment_id,
        date_diff('day', cast('2001-01-01' as date), observed_on) as day_number

    from segment_days

),

measured as (

    select
        joiners.workspace_id,
        joiners.segment_id,
        joiners.entered_on,
        date_diff('day', cast('2001-01-01' as date), joiners.entered_on) as entered_day_number,
        date_diff('day', joiners.entered_on, watch.last_known_on) as watched_days,
        date_diff('day', joiners.entered_on, joiners.left_on) as stayed_days,
        date_diff('day', joiners.entered_on, joiners.seen_until_on) as seen_days,
        joiners.is_cut_off,
        joiners.joiner_count

    from joiners
    -- inner: a segment without a known day cannot be measured
    inner join watch
        on
            joiners.workspace_id = watch.workspace_id
            and joiners.segment_id = watch.segment_id

),

-- unknown: seen out of the segment only after the day, perhaps out before it, and no observation on the day itself
judged as (

    select
        measured.workspace_id,
        measured.segment_id,
        measured.entered_on,
        measured.joiner_count,
        horizons.horizon_days,
        case
            when measured.watched_days < horizons.horizon_days then 'not_yet'
            when measured.is_cut_off and measured.stayed_days <= horizons.horizon_days then 'cut_off'
            when
                measured.stayed_days > horizons.horizon_days
                and measured.seen_days <= horizons.horizon_days
                and known_days.day_number is null
                then 'unknown'
            when measured.stayed_days <= horizons.horizon_days then 'lost'
            else 'retained'
        end as verdict

    from measured
    inner join horizons on true
    left join known_days
        on
            measured.workspace_id = known_days.workspace_id
            and measured.segment_id = known_days.segment_id
            and measured.entered_day_number + horizons.horizon_days = known_days.day_number

),

counted as (

    select
        judged.workspace_id,
        judged.segment_id,
        days.week_started_on as joined_week_on,
        judged.horizon_days,
        cast(sum(judged.joiner_count) as bigint) as joined_count,
        cast(sum(case when judged.verdict in ('retained', 'lost') then judged.joiner_count else 0 end) as bigint)
            as eligible_count,
        cast(sum(case when judged.verdict = 'retained' then judged.joiner_count else 0 end) as bigint)
            as retained_count,
        cast(sum(case when judged.verdict = 'not_yet' then judged.joiner_count else 0 end) as bigint)
            as not_yet_count,
        cast(sum(case when judged.verdict = 'cut_off' then judged.joiner_count else 0 end) as bigint)
            as cut_off_count,
        cast(sum(case when judged.verdict = 'unknown' then judged.joiner_count else 0 end) as bigint)
            as unknown_count

    from judged
    left join days
        on
            judged.workspace_id = days.workspace_id
            and judged.entered_on = days.day
    group by judged.workspace_id, judged.segment_id, days.week_started_on, judged.horizon_days

),

final as (

    select
        counted.workspace_id,
        counted.segment_id,
        versions.segment_name,
        counted.joined_week_on,
        counted.horizon_days,
        counted.joined_count,
        counted.eligible_count,
        counted.retained_count,
        cast(counted.retained_count as double) / nullif(counted.eligible_count, 0) as retention_rate,
        counted.not_yet_count,
        counted.cut_off_count,
        counted.unknown_count

    from counted
    left join versions
        on
            counted.workspace_id = versions.workspace_id
            and counted.segment_id = versions.segment_id
            and versions.is_current

)

select * from final
