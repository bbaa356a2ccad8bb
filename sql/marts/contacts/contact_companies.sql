-- one row per contact and company

with

contacts as (

    select * from stg_contacts

),

longer_lists as (

    select * from stg_contact_companies

),

embedded as (

    select
        workspace_id,
        contact_id,
        list_ids(companies) as company_id

    from contacts

),

final as (

    select
        workspace_id,
        contact_id,
        company_id

    from embedded

    union distinct

    select
        workspace_id,
        contact_id,
        company_id

    from longer_lists

)

select * from final
