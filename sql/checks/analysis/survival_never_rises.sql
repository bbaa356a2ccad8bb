-- severity: error
-- of the whole
-- One row per segment and number of days with a smaller share than a later one.

with

survival as (

    select * from segment_survival

),

followed as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        survival_rate,

        lead(survival_rate) over (
            partition by workspace_id, segment_id
            order by stayed_days
        ) as next_survival_rate

    from survival

),

final as (

    select
        workspace_id,
        segment_id,
        stayed_days,
        survival_rate,
        next_survival_rate

    from followed
    where
        next_survival_rate > survival_rate + 0.000000001
        or survival_rate < 0
        or survival_rate > 1

)

select * from final
