-- one row per contact, contacts that were never in a segment included: its segments, now and ever

with

contacts as (

    select * from contacts

),

memberships as (

    select * from segment_memberships

),

spells as (

    select
        workspace_id,
        contact_id,
        count(*) as spell_count,
        count(distinct segment_id) as segment_ever_count,
        cast(sum(case when is_current then 1 else 0 end) as bigint) as segment_count,
        min(case when is_baseline then null else entered_on end) as first_joined_on,
        max(case when is_baseline then null else entered_on end) as last_joined_on,
        max(left_on) as last_left_on,
        min(case when is_baseline then 1 else 0 end) = 1 as is_baseline_only

    from memberships
    group by workspace_id, contact_id

),

final as (

    select
        contacts.workspace_id,
        contacts.contact_id,
        contacts.role,
        contacts.is_deleted,
        contacts.removal_status,
        coalesce(spells.segment_count, 0) as segment_count,
        coalesce(spells.segment_ever_count, 0) as segment_ever_count,
        coalesce(spells.spell_count, 0) as spell_count,
        spells.first_joined_on,
        spells.last_joined_on,
        spells.last_left_on,
        coalesce(spells.is_baseline_only, false) as is_baseline_only

    from contacts
    left join spells
        on
            contacts.workspace_id = spells.workspace_id
            and contacts.contact_id = spells.contact_id

)

select * from final
