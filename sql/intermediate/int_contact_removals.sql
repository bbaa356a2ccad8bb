-- one row per contact and observed change of its status, an unknown one read as what it turned out to be
-- A contact that vanished is asked for later: the answer then explains what was seen before it.

with

removals as (

    select * from stg_contact_removals

),

-- of several at one instant the last in this order counts: what is certain beats what is not, a sighting beats all
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

    from ranked

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
        status = 'unknown' and coalesce(next_status in ('deleted', 'merged'), false) as is_explained

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
