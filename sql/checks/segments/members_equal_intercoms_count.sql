-- severity: warn
-- One row per segment whose member count is not the count that Intercom gave with the newest scan.
-- Intercom's count can lag behind its search; the next sweep shows which of the two was right.

with

segments as (

    select * from segments

),

final as (

    select
        workspace_id,
        segment_id,
        member_count,
        reported_count

    from segments
    where
        not is_deleted
        and member_count <> reported_count

)

select * from final
