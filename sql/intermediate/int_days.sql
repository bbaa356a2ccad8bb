-- one row per workspace and UTC day from the first observation to the last, days without an observation included
-- The only model that generates days: others compare days, or subtract day numbers. It covers up to 10,000 days.

with

scans as (

    select * from int_scans

),

digits as (

    select 0 as digit
    union all
    select 1 as digit
    union all
    select 2 as digit
    union all
    select 3 as digit
    union all
    select 4 as digit
    union all
    select 5 as digit
    union all
    select 6 as digit
    union all
    select 7 as digit
    union all
    select 8 as digit
    union all
    select 9 as digit

),

numbers as (

    select ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit as number

    from digits as ones
    inner join digits as tens on true
    inner join digits as hundreds on true
    inner join digits as thousands on true

),

observed_days as (

    select
        workspace_id,
        observed_on as day

    from scans
    group by workspace_id, observed_on

),

bounds as (

    select
        workspace_id,
        min(day) as first_day,
        max(day) as last_day

    from observed_days
    group by workspace_id

),

days as (

    select
        bounds.workspace_id,
        bounds.last_day,
        bounds.first_day + cast(numbers.number as integer) as day

    from bounds
    inner join numbers
        on date_diff('day', bounds.first_day, bounds.last_day) >= numbers.number

),

numbered as (

    select
        days.workspace_id,
        days.day,
        days.last_day,
        date_diff('day', cast('2001-01-01' as date), days.day) as day_number,
        observed_days.day is not null as is_observed

    from days
    left join observed_days
        on
            days.workspace_id = observed_days.workspace_id
            and days.day = observed_days.day

),

-- 2001-01-01 was a Monday
final as (

    select
        workspace_id,
        day,
        day_number,
        day - cast(day_number % 7 as integer) as week_started_on,
        cast(day_number % 7 as integer) + 1 as weekday_number,
        cast(date_trunc('month', day) as date) as month_started_on,
        day = last_day as is_last,
        is_observed

    from numbered

)

select * from final
