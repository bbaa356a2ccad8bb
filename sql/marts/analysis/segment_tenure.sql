-- one row per segment with an observed join: how long contacts stay, as far as it was observed
-- median_days is null while more than half of the joiners are still members: the median is not known yet.

with

survival as (

    select * from segment_survival

),

steps as (

    select
        workspace_id,
        segment_id,
        segment_name,
        stayed_days,
        at_risk_count,
        ended_count,
        censored_count,
        survival_rate,

        lead(stayed_days) over (
            partition by workspace_id, segment_id
            order by stayed_days
        ) as next_stayed_days

    from survival

),

final as (

    select
        workspace_id,
        segment_id,
        segment_name,
        max(at_risk_count) as joined_count,
        cast(sum(ended_count) as bigint) as ended_count,
        cast(sum(censored_count) as bigint) as censored_count,
        max(stayed_days) as watched_days,
        min(case when survival_rate <= 0.500000001 then stayed_days end) as median_days,
        min(case when survival_rate <= 0.750000001 then stayed_days end) as first_quartile_days,
        min(survival_rate) as last_survival_rate,
        case
            when max(stayed_days) >= 7
                then coalesce(min(case when stayed_days <= 7 then survival_rate end), 1)
        end as survival_rate_7,
        case
            when max(stayed_days) >= 30
                then coalesce(min(case when stayed_days <= 30 then survival_rate end), 1)
        end as survival_rate_30,
        -- all joiners stay until the first step
        cast(sum(survival_rate * coalesce(next_stayed_days - stayed_days, 0)) as double) + min(stayed_days)
            as restricted_mean_days

    from steps
    group by workspace_id, segment_id, segment_name

)

select * from final
