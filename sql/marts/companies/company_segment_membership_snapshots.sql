-- one row per day, segment and company that was in it after that UTC day's last observation
-- Always filter by day or segment: the whole view has every member of every day.

with

segment_days as (

    select * from int_segment_days

),

memberships as (

    select * from company_segment_memberships

),

final as (

    select
        segment_days.workspace_id,
        segment_days.observed_on,
        segment_days.segment_id,
        memberships.segment_name,
        memberships.company_id,
        segment_days.observed_at,
        memberships.entered_at,
        memberships.spell_number

    from segment_days
    -- inner: a day without members has no rows here, but a row in segment_daily
    inner join memberships
        on
            segment_days.workspace_id = memberships.workspace_id
            and segment_days.segment_id = memberships.segment_id
            and segment_days.observed_on >= memberships.entered_on
            and (memberships.left_on is null or segment_days.observed_on < memberships.left_on)

)

select * from final
