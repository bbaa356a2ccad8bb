-- one row per observed change of one contact in one segment

with

source as (

    select * from raw.membership_changes

),

renamed as (

    select
        -- ids
        workspace_id,
        segment_id,
        contact_id,
        run_id,

        -- attributes
        is_member,
        seen_by,

        -- timestamps: the UTC day, independent of the session's time zone
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on

    from source

)

select * from renamed
