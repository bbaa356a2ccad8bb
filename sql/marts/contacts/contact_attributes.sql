-- one row per contact, removed contacts included
-- A build adds a typed column for each custom attribute. The loaded table _contact_attributes lists them.

with

contacts as (

    select * from stg_contacts

),

final as (

    select
        workspace_id,
        contact_id

    from contacts

)

select * from final
