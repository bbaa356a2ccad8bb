-- one row per attribute of contacts or companies that Intercom lists, archived ones included

with

attributes as (

    select * from stg_data_attributes

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

    from attributes

)

select * from final
