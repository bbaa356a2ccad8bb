-- one row per observed UTC day and segment: the number of members, and the changes that led to it
-- On every row: member_count = the row before + baseline_count + entered_count - left_count.

with

segment_days as (

    select * from int_segment_days

),

final as (

    select
        workspace_id,
        observed_on,
        segment_id,
        member_count,
        baseline_count,
        entered_count,
        left_count,
        rejoined_count,
        reported_count,
        is_swept

    from segment_days

)

select * from final
