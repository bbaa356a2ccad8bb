-- one row per segment and version of its definition

with

source as (

    select * from raw.segments

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
        observed_at,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, segment_id, updated_at
            order by observed_at
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        segment_id,
        name,
        person_type,
        created_at,
        updated_at,
        observed_at

    from renamed
    where copy_number = 1

)

select * from final
