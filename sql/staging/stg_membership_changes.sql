-- one row per observed change of one contact in one segment: each differs from the one before it
-- A table, because every reader would compare all changes again.

with

source as (

    select * from raw.membership_changes

),

scans as (

    select * from stg_segment_scans

),

-- where a run scanned a segment twice, one of the two scans is loaded, and all changes that the run found belong to it
scanned as (

    select
        source.workspace_id,
        source.segment_id,
        source.contact_id,
        source.is_member,
        source.seen_by,
        coalesce(scans.observed_at, source.observed_at) as observed_at

    from source
    left join scans
        on
            source.workspace_id = scans.workspace_id
            and source.run_id = scans.run_id
            and source.segment_id = scans.segment_id

),

followed as (

    select
        workspace_id,
        segment_id,
        contact_id,
        is_member,
        seen_by,
        observed_at,

        coalesce(lag(is_member) over (
            partition by workspace_id, segment_id, contact_id
            order by observed_at asc, is_member desc
        ), false) as was_member

    from scanned

),

renamed as (

    select
        -- ids
        workspace_id,
        segment_id,
        contact_id,

        -- attributes
        is_member,
        seen_by,

        -- timestamps: the UTC day, independent of the session's time zone
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on

    from followed
    where is_member <> was_member

)

select * from renamed
