-- one row per segment and number of days after joining: the share of joiners that stay longer (Kaplan-Meier)
-- Members, and spells cut off by an edit, a merge or the end of the segment, count for as long as they were observed.
-- stayed_days is never null: `nulls first` is there because BigQuery cannot express the other order in a frame.

with

joiners as (

    select * from int_joiners

),

watch as (

    select * from int_segment_watch

),

versions as (

    select * from segment_versions

),

measured as (

    select
        joiners.workspace_id,
        joiners.segment_id,
        coalesce(
            date_diff('day', joiners.entered_on, joiners.left_on),
            date_diff('day', joiners.entered_on, watch.last_known_on)
        ) as stayed_days,
        joiners.is_ended,
        joiners.joiner_count

    from joiners
    -- inner: a segment without a known day cannot be measured
    inner join watch
        on
            joiners.workspace_id = watch.workspace_id
            and joiners.segment_id = watch.segment_id

),

durations as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        cast(sum(case when is_ended then joiner_count else 0 end) as bigint) as ended_count,
        cast(sum(case when is_ended then 0 else joiner_count end) as bigint) as censored_count

    from measured
    group by workspace_id, segment_id, stayed_days

),

at_risk as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        ended_count,
        censored_count,

        cast(sum(ended_count + censored_count) over (
            partition by workspace_id, segment_id
            order by stayed_days desc nulls last
            rows between unbounded preceding and current row
        ) as bigint) as at_risk_count

    from durations

),

-- a product, as the sum of logarithms; zero has none, so a step that ends all is marked
steps as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        at_risk_count,
        ended_count,
        censored_count,
        ln(nullif(1 - cast(ended_count as double) / nullif(at_risk_count, 0), 0)) as log_kept,
        case when ended_count = at_risk_count then 1 else 0 end as all_ended

    from at_risk

),

summed as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        at_risk_count,
        ended_count,
        censored_count,

        cast(sum(log_kept) over (
            partition by workspace_id, segment_id
            order by stayed_days nulls first
            rows between unbounded preceding and current row
        ) as double) as log_survival,

        max(all_ended) over (
            partition by workspace_id, segment_id
            order by stayed_days nulls first
            rows between unbounded preceding and current row
        ) as all_ended

    from steps

),

final as (

    select
        summed.workspace_id,
        summed.segment_id,
        versions.segment_name,
        summed.stayed_days,
        summed.at_risk_count,
        summed.ended_count,
        summed.censored_count,
        case when summed.all_ended = 1 then 0 else exp(coalesce(summed.log_survival, 0)) end as survival_rate

    from summed
    left join versions
        on
            summed.workspace_id = versions.workspace_id
            and summed.segment_id = versions.segment_id
            and versions.is_current

)

select * from final
