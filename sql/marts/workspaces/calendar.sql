-- one row per workspace and UTC day from its first observation to its last

with

days as (

    select * from int_days

),

final as (

    select
        workspace_id,
        day,
        week_started_on,
        month_started_on,
        weekday_number,
        is_observed,
        is_last

    from days

)

select * from final
