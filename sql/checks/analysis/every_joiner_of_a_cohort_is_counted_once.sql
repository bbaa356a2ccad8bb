-- severity: error
-- of the whole
-- One row per segment, week and horizon whose joiners are not all eligible, not yet, cut off or unknown.

with

retention as (

    select * from segment_retention

),

final as (

    select
        workspace_id,
        segment_id,
        joined_week_on,
        horizon_days,
        joined_count,
        eligible_count,
        retained_count,
        not_yet_count,
        cut_off_count,
        unknown_count

    from retention
    where
        joined_count <> eligible_count + not_yet_count + cut_off_count + unknown_count
        or retained_count > eligible_count

)

select * from final
