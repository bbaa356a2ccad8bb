-- one row per ordered pair of segments that share members now: each pair is there in both directions

with

shared as (

    select * from int_shared_members

),

versions as (

    select * from segment_versions

),

sizes as (

    select
        workspace_id,
        segment_id,
        shared_count as member_count

    from shared
    where segment_id = other_segment_id

),

halves as (

    select
        workspace_id,
        segment_id,
        other_segment_id,
        shared_count

    from shared
    where segment_id <> other_segment_id

),

pairs as (

    select
        workspace_id,
        segment_id,
        other_segment_id,
        shared_count

    from halves

    union all

    select
        workspace_id,
        other_segment_id as segment_id,
        segment_id as other_segment_id,
        shared_count

    from halves

),

final as (

    select
        pairs.workspace_id,
        pairs.segment_id,
        versions.segment_name,
        pairs.other_segment_id,
        other_versions.segment_name as other_segment_name,
        pairs.shared_count,
        sizes.member_count,
        other_sizes.member_count as other_member_count,
        cast(pairs.shared_count as double) / nullif(sizes.member_count, 0) as share_of_segment,
        cast(pairs.shared_count as double) / nullif(other_sizes.member_count, 0) as share_of_other,
        cast(pairs.shared_count as double)
        / nullif(sizes.member_count + other_sizes.member_count - pairs.shared_count, 0) as jaccard

    from pairs
    left join sizes
        on
            pairs.workspace_id = sizes.workspace_id
            and pairs.segment_id = sizes.segment_id
    left join sizes as other_sizes
        on
            pairs.workspace_id = other_sizes.workspace_id
            and pairs.other_segment_id = other_sizes.segment_id
    left join versions
        on
            pairs.workspace_id = versions.workspace_id
            and pairs.segment_id = versions.segment_id
            and versions.is_current
    left join versions as other_versions
        on
            pairs.workspace_id = other_versions.workspace_id
            and pairs.other_segment_id = other_versions.segment_id
            and other_versions.is_current

)

select * from final
