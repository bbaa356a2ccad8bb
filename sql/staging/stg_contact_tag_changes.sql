-- one row per observed change of one tag of one contact

with

source as (

    select * from raw.contact_tag_changes

),

renamed as (

    select
        -- ids
        workspace_id,
        tag_id,
        contact_id,
        run_id,

        -- attributes
        is_member as is_tagged,
        seen_by,

        -- timestamps
        observed_at

    from source

)

select * from renamed
