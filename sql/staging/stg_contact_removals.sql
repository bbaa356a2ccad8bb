-- one row per contact and observed change of its status: removed, hidden or active again

with

source as (

    select * from raw.contact_removals

),

numbered as (

    select
        *,
        row_number() over (partition by workspace_id, contact_id, status, observed_at order by run_id) as copy_number

    from source

),

renamed as (

    select
        -- ids
        workspace_id,
        contact_id,
        run_id,
        merged_into_contact_id,

        -- attributes
        status,

        -- timestamps: epoch seconds to UTC
        to_timestamp(happened_at) as happened_at,
        observed_at

    from numbered
    where copy_number = 1

)

select * from renamed
