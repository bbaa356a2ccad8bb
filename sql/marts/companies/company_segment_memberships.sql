-- one row per company, segment and spell: when it began, when it ended, and why
-- Times are times of observation: the true time is in (entered_after, entered_at] and in (left_after, left_at].

with

memberships as (

    select * from int_memberships

),

versions as (

    select * from segment_versions

),

final as (

    select
        memberships.workspace_id,
        memberships.segment_id,
        versions.name as segment_name,
        memberships.member_id as company_id,
        memberships.spell_number,
        memberships.entered_at,
        memberships.left_at,
        memberships.entered_after,
        memberships.left_after,
        memberships.entered_on,
        memberships.left_on,
        memberships.is_current,
        memberships.is_baseline,
        memberships.enter_reason = 'joined' as is_join,
        date_diff('day', cast(memberships.entered_after at time zone 'UTC' as date), memberships.entered_on)
            as entered_window_days,
        memberships.enter_reason,
        memberships.leave_reason

    from memberships
    -- inner: only segments of companies
    inner join versions
        on
            memberships.workspace_id = versions.workspace_id
            and memberships.segment_id = versions.segment_id
            and versions.is_current
    where versions.person_type = 'company'

)

select * from final
