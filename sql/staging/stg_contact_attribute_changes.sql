-- one row per contact, tracked attribute and observed change of its value

with

source as (

    select * from raw.contact_attribute_changes

),

numbered as (

    select
        -- ids
        workspace_id,
        contact_id,
        attribute,
        run_id,

        -- attributes
        value,

        -- timestamps
        observed_at,
        observed_after,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, contact_id, attribute, observed_at
            order by run_id
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        contact_id,
        attribute,
        run_id,
        value,
        observed_at,
        observed_after

    from numbered
    where copy_number = 1

)

select * from final
