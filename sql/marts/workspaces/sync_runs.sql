-- one row per run, failed and refused ones included
-- Loaded from the run journal, so a run appears here with the next run.

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
