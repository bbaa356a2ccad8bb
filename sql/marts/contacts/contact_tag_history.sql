-- one row per contact, tag and spell: from when to when the contact had the tag, and why it lost it
-- Times are times of observation: the true time is in (tagged_after, tagged_at] and in (untagged_after, untagged_at].

with

changes as (

    select * from stg_contact_tag_changes

),

scans as (

    select * from stg_contact_tag_scans

),

removals as (

    select * from int_contact_removals

),

-- the next windows start where the last complete scan started: it may have missed any change after that
bounded_scans as (

    select
        workspace_id,
        tag_id,
        run_id,
        how,
        started_at,
        observed_at,

        max(case when status = 'complete' then started_at end) over (
            partition by workspace_id, tag_id
            order by observed_at nulls first
            rows between unbounded preceding and 1 preceding
        ) as complete_after,

        min(case when status = 'complete' then observed_at end) over (
            partition by workspace_id, tag_id
        ) as first_complete_at

    from scans

),

names as (

    select
        workspace_id,
        tag_id,
        tag_name,
        row_number() over (
            partition by workspace_id, tag_id
            order by observed_at desc
        ) as recency

    from scans

),

followed as (

    select
        workspace_id,
        tag_id,
        contact_id,
        run_id,
        is_tagged,
        observed_at,
        coalesce(lag(is_tagged) over (
            partition by workspace_id, tag_id, contact_id
            order by observed_at
        ), false) as was_tagged

    from changes

),

numbered as (

    select
        workspace_id,
        tag_id,
        contact_id,
        is_tagged,
        observed_at as tagged_at,

        lead(observed_at) over (
            partition by workspace_id, tag_id, contact_id
            order by observed_at nulls first
        ) as untagged_at,

        cast(sum(case when is_tagged then 1 else 0 end) over (
            partition by workspace_id, tag_id, contact_id
            order by observed_at nulls first
            rows between unbounded preceding and current row
        ) as bigint) as spell_number

    from followed
    where is_tagged <> was_tagged

),

spells as (

    select
        numbered.workspace_id,
        numbered.tag_id,
        numbered.contact_id,
        numbered.spell_number,
        numbered.tagged_at,
        numbered.untagged_at,
        entries.complete_after,
        exits.run_id as untagged_run_id,
        coalesce(exits.how = 'deleted', false) as is_tag_deleted,
        numbered.spell_number = 1
        and numbered.tagged_at <= coalesce(entries.first_complete_at, numbered.tagged_at) as is_baseline,

        -- the scan of the entry saw the contact after its start, so the contact lost the tag after that start
        case
            when numbered.untagged_at is null then null
            when exits.complete_after > entries.started_at then exits.complete_after
            else entries.started_at
        end as untagged_after

    from numbered
    left join bounded_scans as entries
        on
            numbered.workspace_id = entries.workspace_id
            and numbered.tag_id = entries.tag_id
            and numbered.tagged_at = entries.observed_at
    left join bounded_scans as exits
        on
            numbered.workspace_id = exits.workspace_id
            and numbered.tag_id = exits.tag_id
            and numbered.untagged_at = exits.observed_at
    where numbered.is_tagged

),

-- a removed contact is found by no search: within the window of the loss, that is the reason
removed_spells as (

    select
        spells.workspace_id,
        spells.tag_id,
        spells.contact_id,
        spells.spell_number

    from spells
    -- inner: most contacts are never removed
    inner join removals
        on
            spells.workspace_id = removals.workspace_id
            and spells.contact_id = removals.contact_id
            and (
                spells.untagged_run_id = removals.run_id
                or (spells.untagged_after < removals.observed_at and spells.untagged_at >= removals.observed_at)
            )
    where
        spells.untagged_at is not null
        and removals.status <> 'active'
    group by spells.workspace_id, spells.tag_id, spells.contact_id, spells.spell_number

),

final as (

    select
        spells.workspace_id,
        spells.contact_id,
        spells.tag_id,
        names.tag_name,
        spells.spell_number,
        spells.tagged_at,
        spells.untagged_at,
        case when spells.is_baseline then null else spells.complete_after end as tagged_after,
        spells.untagged_after,
        cast(spells.tagged_at at time zone 'UTC' as date) as tagged_on,
        cast(spells.untagged_at at time zone 'UTC' as date) as untagged_on,
        spells.untagged_at is null as is_current,
        spells.is_baseline,
        case
            when spells.untagged_at is null then null
            when spells.is_tag_deleted then 'tag_deleted'
            when removed_spells.contact_id is not null then 'contact_removed'
            else 'untagged'
        end as reason

    from spells
    left join removed_spells
        on
            spells.workspace_id = removed_spells.workspace_id
            and spells.tag_id = removed_spells.tag_id
            and spells.contact_id = removed_spells.contact_id
            and spells.spell_number = removed_spells.spell_number
    left join names
        on
            spells.workspace_id = names.workspace_id
            and spells.tag_id = names.tag_id
            and names.recency = 1

)

select * from final
