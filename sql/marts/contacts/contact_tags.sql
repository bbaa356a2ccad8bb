-- one row per contact and tag

with

contacts as (

    select * from stg_contacts

),

longer_lists as (

    select * from stg_contact_tags

),

embedded as (

    select
        workspace_id,
        contact_id,
        list_ids(tags) as tag_id

    from contacts

),

final as (

    select
        workspace_id,
        contact_id,
        tag_id

    from embedded

    union distinct

    select
        workspace_id,
        contact_id,
        tag_id

    from longer_lists

)

select * from final
