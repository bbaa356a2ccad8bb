-- one row per run and segment: how it was read, and what the scan proves

with

source as (

    select * from raw.segment_scans

),

numbered as (

    select
        *,
        row_number() over (partition by workspace_id, run_id, segment_id order by observed_at) as copy_number

    from source

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

    from numbered
    where copy_number = 1

)

select * from renamed
