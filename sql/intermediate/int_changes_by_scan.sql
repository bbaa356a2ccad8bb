-- one row per scan that found changes: how many joins and leaves
-- Counts instead of changes, because the models that read it are built again with each new scan.

with

changes as (

    select * from int_membership_changes

),

final as (

    select
        workspace_id,
        segment_id,
        observed_at,
        cast(sum(case when is_member then 1 else 0 end) as bigint) as joined_count,
        cast(sum(case when is_member then 0 else 1 end) as bigint) as left_count

    from changes
    group by workspace_id, segment_id, observed_at

)

select * from final
