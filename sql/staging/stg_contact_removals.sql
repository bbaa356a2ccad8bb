-- one row per contact and observed change of its status: removed, hidden or active again

with

source as (

    select * from raw.contact_removals

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

    from source

)

select * from renamed
