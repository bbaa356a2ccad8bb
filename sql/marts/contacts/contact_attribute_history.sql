-- one row per contact, tracked attribute and spell of one value

with

changes as (

    select * from stg_contact_attribute_changes

),

followed as (

    select
        workspace_id,
        contact_id,
        attribute,
        value,
        observed_at,
        observed_after,
        lag(value) over (
            partition by workspace_id, contact_id, attribute
            order by observed_at
        ) as previous_value,
        row_number() over (
            partition by workspace_id, contact_id, attribute
            order by observed_at
        ) as change_number

    from changes

),

-- a value that was logged again has not changed
spells as (

    select
        workspace_id,
        contact_id,
        attribute,
        value,
        observed_at as started_at,
        observed_after as started_after,
        change_number = 1 as is_first,
        lead(observed_at) over (
            partition by workspace_id, contact_id, attribute
            order by observed_at
        ) as ended_at,
        lead(observed_after) over (
            partition by workspace_id, contact_id, attribute
            order by observed_at
        ) as ended_after

    from followed
    where
        change_number = 1
        or value <> previous_value
        or (value is null) <> (previous_value is null)

),

final as (

    select
        workspace_id,
        contact_id,
        attribute,
        value,
        started_at,
        ended_at,
        started_after,
        ended_after,
        is_first,
        ended_at is null as is_current

    from spells

)

select * from final
