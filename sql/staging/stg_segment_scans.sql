-- one row per run and segment: how it was read, and what the scan proves

with

source as (

    select * from raw.segment_scans

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
        count as reported_count,
        total_count as search_count,
        fetched as fetched_count,
        members as member_count,
        problem,

        -- timestamps: the UTC day, independent of the session's time zone
        started_at,
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on

    from source

)

select * from renamed
