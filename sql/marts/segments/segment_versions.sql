-- one row per segment and version of its definition
-- Intercom keeps no history of definitions: a rename is a version, and two edits between two runs are one version.

with

segments as (

    select * from stg_segments

),

final as (

    select
        workspace_id,
        segment_id,
        name as segment_name,

        row_number() over (
            partition by workspace_id, segment_id
            order by updated_at
        ) as version_number,

        name,
        person_type,
        created_at,
        updated_at,
        observed_at as valid_from,

        lead(observed_at) over (
            partition by workspace_id, segment_id
            order by updated_at
        ) as valid_to,

        row_number() over (
            partition by workspace_id, segment_id
            order by updated_at desc
        ) = 1 as is_current

    from segments

)

select * from final
