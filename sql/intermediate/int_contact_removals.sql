-- one row per contact and observed change of its status, corrected by later rows
-- A contact that vanished is requested by id later: the answer then explains the earlier row.
-- Intercom may answer for an archived contact as for a deleted one: a deleted contact that is seen again was archived.

with

removals as (

    select * from stg_contact_removals

),

-- of several rows at one time the last in this order counts: certain overrules uncertain, a sighting overrules all
ranked as (

    select
        workspace_id,
        contact_id,
        run_id,
        status,
        merged_into_contact_id,
        happened_at,
        observed_at,
        case status
            when 'unknown' then 1
            when 'blocked' then 2
            when 'archived' then 3
            when 'deleted' then 4
            when 'merged' then 5
            else 6
        end as certainty

    from removals

),

returned as (

    select
        workspace_id,
        contact_id,
        max(observed_at) as last_active_at

    from removals
    where status = 'active'
    group by workspace_id, contact_id

),

understood as (

    select
        ranked.workspace_id,
        ranked.contact_id,
        ranked.run_id,
        case
            when ranked.status = 'deleted' and ranked.observed_at <= returned.last_active_at then 'archived'
            else ranked.status
        end as status,
        ranked.merged_into_contact_id,
        ranked.happened_at,
        ranked.observed_at,
        ranked.certainty

    from ranked
    left join returned
        on
            ranked.workspace_id = returned.workspace_id
            and ranked.contact_id = returned.contact_id

),

followed as (

    select
        workspace_id,
        contact_id,
        run_id,
        status,
        merged_into_contact_id,
        happened_at,
        observed_at,

        lead(status) over (
            partition by workspace_id, contact_id
            order by observed_at, certainty
        ) as next_status,

        lead(merged_into_contact_id) over (
            partition by workspace_id, contact_id
            order by observed_at, certainty
        ) as next_merged_into_contact_id,

        row_number() over (
            partition by workspace_id, contact_id
            order by observed_at desc, certainty desc
        ) = 1 as is_newest

    from understood

),

explained as (

    select
        workspace_id,
        contact_id,
        run_id,
        status,
        merged_into_contact_id,
        happened_at,
        observed_at,
        next_status,
        next_merged_into_contact_id,
        is_newest,
        status = 'unknown'
        and coalesce(next_status in ('archived', 'blocked', 'deleted', 'merged'), false) as is_explained

    from followed

),

final as (

    select
        workspace_id,
        contact_id,
        run_id,
        case when is_explained then next_status else status end as status,
        case
            when is_explained then next_merged_into_contact_id
            else merged_into_contact_id
        end as merged_into_contact_id,
        happened_at,
        observed_at,
        is_newest

    from explained

)

select * from final
