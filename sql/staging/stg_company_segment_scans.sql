-- one row per run and segment of companies: how it was read, and what the scan proves

with

source as (

    select * from raw.company_segment_scans

),

renamed as (

    select
        -- ids
        workspace_id,
        segment_id,
        run_id,

        -- attributes
        how,
        status,
        fetched as fetched_count,
        members as member_count,
        problem,

        -- timestamps: the UTC day, independent of the session's time zone
        started_at,
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on,

        -- a row that is loaded twice counts once
        row_number() over (
            partition by workspace_id, run_id, segment_id
            order by observed_at
        ) as copy_number

    from source

),

final as (

    select
        workspace_id,
        segment_id,
        run_id,
        how,
        status,
        fetched_count,
        member_count,
        problem,
        started_at,
        observed_at,
        observed_on

    from renamed
    where copy_number = 1

)

select * from final
