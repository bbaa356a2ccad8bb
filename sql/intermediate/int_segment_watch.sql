-- one row per segment with a known size: from which day to which it was observed

with

segment_days as (

    select * from int_segment_days

),

final as (

    select
        workspace_id,
        segment_id,
        min(observed_on) as first_known_on,
        max(observed_on) as last_known_on,
        count(*) as known_day_count,
        cast(sum(case when is_swept then 1 else 0 end) as bigint) as swept_day_count

    from segment_days
    group by workspace_id, segment_id

)

select * from final
