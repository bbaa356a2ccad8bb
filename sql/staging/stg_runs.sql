-- one row per run, as the run journal has it

with

source as (

    select * from raw.runs

),

renamed as (

    select
        -- ids
        workspace_id,
        run_id,
        pipeline_name,

        -- attributes
        command,
        outcome,
        exit_code,
        api_calls,
        problem,

        -- timestamps
        started_at,
        ended_at,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, run_id
            order by ended_at
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        run_id,
        pipeline_name,
        command,
        outcome,
        exit_code,
        api_calls,
        problem,
        started_at,
        ended_at

    from renamed
    where copy_number = 1

)

select * from final
