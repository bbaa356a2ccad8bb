-- one row per day, segment and contact that was in it after that UTC day's last observation
-- Always ask for a day or a segment: the whole view is every member of every day.

with

segment_days as (

    select * from int_segment_days

),

memberships as (

    select * from segment_memberships

),

final as (

    select
        segment_days.workspace_id,
        segment_days.observed_on,
        segment_days.segment_id,
        memberships.contact_id,
        segment_days.observed_at,
        memberships.entered_at,
        memberships.spell_number

    from segment_days
    -- inner: a day with nobody in the segment has no rows here, and a row in segment_daily
    inner join memberships
        on
            segment_days.workspace_id = memberships.workspace_id
            and segment_days.segment_id = memberships.segment_id
            and segment_days.observed_on >= memberships.entered_on
            and (memberships.left_on is null or segment_days.observed_on < memberships.left_on)

)

select * from final
