-- one row per run, failed and refused ones included
-- From the run journal, so a run appears here with the run after it.

with

runs as (

    select * from stg_runs

),

final as (

    select
        workspace_id,
        run_id,
        pipeline_name,
        command,
        outcome,
        exit_code,
        started_at,
        ended_at,
        api_calls,
        problem

    from runs

)

select * from final
