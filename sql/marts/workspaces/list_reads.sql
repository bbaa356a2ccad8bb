-- one row per run and list of the catalogue

with

list_reads as (

    select * from stg_list_reads

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

    from list_reads

)

select * from final
