-- one row per observed UTC day and segment: the number of members, and the changes that led to it
-- On every row: member_count = the row before + baseline_count + entered_count - left_count.

with

segment_days as (

    select * from int_segment_days

),

versions as (

    select * from segment_versions

),

final as (

    select
        segment_days.workspace_id,
        segment_days.observed_on,
        segment_days.segment_id,
        versions.name as segment_name,
        segment_days.member_count,
        segment_days.baseline_count,
        segment_days.entered_count,
        segment_days.left_count,
        segment_days.left_of_themselves_count,
        segment_days.contact_gone_count,
        segment_days.segment_changed_count,
        segment_days.rejoined_count,
        segment_days.reported_count,
        segment_days.is_swept

    from segment_days
    left join versions
        on
            segment_days.workspace_id = versions.workspace_id
            and segment_days.segment_id = versions.segment_id
            and versions.is_current

)

select * from final
