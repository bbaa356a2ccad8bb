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
        ended_at

    from source

)

select * from renamed
