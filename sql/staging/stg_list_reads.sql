-- one row per run and list of the catalogue, loaded twice or not

with

source as (

    select * from raw.list_reads

),

renamed as (

    select
        -- ids
        workspace_id,
        table_name,
        run_id,

        -- how it was read
        how,
        status,
        problem,

        -- numbers
        calls,
        fetched as fetched_count,
        total_count as reported_count,
        changed as changed_count,
        deleted as deleted_count,

        -- timestamps
        started_at,
        observed_at,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, table_name, run_id
            order by observed_at
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        table_name,
        run_id,
        how,
        status,
        problem,
        calls,
        fetched_count,
        reported_count,
        changed_count,
        deleted_count,
        started_at,
        observed_at

    from renamed
    where copy_number = 1

)

select * from final
