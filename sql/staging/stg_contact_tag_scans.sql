-- one row per run and tag that the run swept, or found deleted

with

source as (

    select * from raw.contact_tag_scans

),

renamed as (

    select
        -- ids
        workspace_id,
        tag_id,
        run_id,

        -- attributes
        tag_name,
        how,
        status,
        problem,
        fetched as fetched_count,
        members as contact_count,

        -- timestamps
        started_at,
        observed_at,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, run_id, tag_id
            order by observed_at
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        tag_id,
        run_id,
        tag_name,
        how,
        status,
        problem,
        fetched_count,
        contact_count,
        started_at,
        observed_at

    from renamed
    where copy_number = 1

)

select * from final
