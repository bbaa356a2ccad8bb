-- one row per observed change of one company in one segment

with

source as (

    select * from raw.company_membership_changes

),

renamed as (

    select
        -- ids
        workspace_id,
        segment_id,
        company_id,
        run_id,

        -- attributes
        is_member,
        seen_by,

        -- timestamps
        observed_at

    from source

)

select * from renamed
