-- one row per attribute of contacts or companies, as Intercom last listed it

with

source as (

    select * from raw.data_attributes

),

renamed as (

    select
        -- ids
        workspace_id,
        model,
        full_name,
        id as attribute_id,
        admin_id,

        -- attributes
        name,
        label,
        description,
        data_type,
        options,
        custom as is_custom,
        coalesce(archived, false) as is_archived,
        api_writable as is_api_writable,
        ui_writable as is_ui_writable,
        messenger_writable as is_messenger_writable,

        -- timestamps: epoch seconds to UTC
        to_timestamp(created_at) as created_at,
        to_timestamp(updated_at) as updated_at,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, model, full_name
            order by updated_at desc
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        model,
        full_name,
        attribute_id,
        admin_id,
        name,
        label,
        description,
        data_type,
        options,
        is_custom,
        is_archived,
        is_api_writable,
        is_ui_writable,
        is_messenger_writable,
        created_at,
        updated_at

    from renamed
    where copy_number = 1

)

select * from final
