-- one row per run, as the run journal has it

with

source as (

    select * from raw.runs

),

numbered as (

    select
        *,
        row_number() over (partition by workspace_id, run_id order by ended_at) as copy_number

    from source

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

    from numbered
    where copy_number = 1

)

select * from renamed
