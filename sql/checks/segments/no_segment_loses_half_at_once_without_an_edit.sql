-- severity: warn
-- One row per segment that lost more than half of its members, and at least 20, in its newest scan without an edit.
-- Only the newest scan, so that the warning for one loss does not repeat forever.

with

scans as (

    select * from int_scans

),

final as (

    select
        workspace_id,
        segment_id,
        run_id,
        observed_at,
        logged_count + left_count - joined_count as member_count_before,
        left_count

    from scans
    where
        is_newest
        and how <> 'deleted'
        and left_count >= 20
        and left_count * 2 > logged_count + left_count - joined_count
        and not coalesce(edited_at >= date_trunc('second', complete_after), false)

)

select * from final
