-- one row per contact and tag, of contacts with more than ten: Intercom embeds ten in a contact

with

source as (

    select * from raw.contact_tags

),

numbered as (

    select
        workspace_id,
        contact_id,
        tag_id,
        is_deleted,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, contact_id, tag_id
            order by observed_at desc
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        contact_id,
        tag_id

    from numbered
    where
        copy_number = 1
        and not is_deleted

)

select * from final
