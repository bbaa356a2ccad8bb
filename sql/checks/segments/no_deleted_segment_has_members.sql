-- severity: error
-- One row per deleted segment that still has members.

with

segments as (

    select * from segments

),

final as (

    select
        workspace_id,
        segment_id,
        member_count

    from segments
    where
        is_deleted
        and member_count > 0

)

select * from final
