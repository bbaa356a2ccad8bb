-- severity: error
-- One row per day and segment whose member_count does not follow from the day before and the day's counted changes.

with

segment_days as (

    select * from segment_daily

),

followed as (

    select
        workspace_id,
        segment_id,
        observed_on,
        member_count,
        baseline_count,
        entered_count,
        left_count,

        coalesce(lag(member_count) over (
            partition by workspace_id, segment_id
            order by observed_on
        ), 0) as member_count_before

    from segment_days

),

final as (

    select
        workspace_id,
        segment_id,
        observed_on,
        member_count_before,
        baseline_count,
        entered_count,
        left_count,
        member_count

    from followed
    where member_count <> member_count_before + baseline_count + entered_count - left_count

)

select * from final
