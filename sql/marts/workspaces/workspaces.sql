-- one row per workspace

with

workspaces as (

    select * from stg_workspaces

),

scans as (

    select * from int_scans

),

observations as (

    select
        workspace_id,
        min(observed_at) as first_observed_at,
        max(observed_at) as last_observed_at

    from scans
    group by workspace_id

),

-- a workspace may have no segment, or may have been loaded by a release that did not load its name
final as (

    select
        coalesce(workspaces.workspace_id, observations.workspace_id) as workspace_id,
        workspaces.name,
        workspaces.region,
        workspaces.timezone,
        observations.first_observed_at,
        observations.last_observed_at

    from workspaces
    full join observations
        on workspaces.workspace_id = observations.workspace_id

)

select * from final
