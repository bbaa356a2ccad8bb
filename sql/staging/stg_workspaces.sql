-- one row per workspace, as the last run found it

with

source as (

    select * from raw.workspaces

),

renamed as (

    select
        workspace_id,
        name,
        region,
        timezone,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id
            order by name, timezone, region
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        name,
        region,
        timezone

    from renamed
    where copy_number = 1

)

select * from final
