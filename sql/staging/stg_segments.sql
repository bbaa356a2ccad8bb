-- one row per segment and version of its definition

with

source as (

    select * from raw.segments

),

numbered as (

    select
        *,
        row_number() over (partition by workspace_id, segment_id, updated_at order by observed_at) as copy_number

    from source

),

renamed as (

    select
        -- ids
        workspace_id,
        segment_id,

        -- attributes: Intercom's API says contact for a lead
        name,
        case when person_type = 'contact' then 'lead' else person_type end as person_type,

        -- timestamps: epoch seconds to UTC
        to_timestamp(created_at) as created_at,
        to_timestamp(updated_at) as updated_at,
        observed_at

    from numbered
    where copy_number = 1

)

select * from renamed
