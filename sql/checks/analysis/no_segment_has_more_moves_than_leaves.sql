-- severity: error
-- One row per pair of segments and horizon with more moves than leaves.

with

transitions as (

    select * from segment_transitions

),

final as (

    select
        workspace_id,
        segment_id,
        to_segment_id,
        days_within,
        left_count,
        moved_count,
        order_unproven_count

    from transitions
    where
        moved_count > coalesce(left_count, 0)
        or order_unproven_count > moved_count

)

select * from final
