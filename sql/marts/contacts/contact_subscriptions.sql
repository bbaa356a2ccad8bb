-- one row per contact and subscription type that it has chosen to receive, or not to receive

with

contacts as (

    select * from stg_contacts

),

opted_in as (

    select
        workspace_id,
        contact_id,
        list_ids(opted_in_subscription_types) as subscription_type_id,
        true as is_opted_in

    from contacts

),

opted_out as (

    select
        workspace_id,
        contact_id,
        list_ids(opted_out_subscription_types) as subscription_type_id,
        false as is_opted_in

    from contacts

),

final as (

    select
        workspace_id,
        contact_id,
        subscription_type_id,
        is_opted_in

    from opted_in

    union all

    select
        workspace_id,
        contact_id,
        subscription_type_id,
        is_opted_in

    from opted_out

)

select * from final
