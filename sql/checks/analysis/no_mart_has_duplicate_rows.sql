-- severity: error
-- One row per contact, version of a segment, day of a segment, or run that a mart contains more than once.
-- Duplicate spells overlap, so another check finds them.

with

contacts as (

    select * from contacts

),

segment_versions as (

    select * from segment_versions

),

segment_days as (

    select * from segment_daily

),

runs as (

    select * from sync_runs

),

doubled_contacts as (

    select
        workspace_id,
        contact_id

    from contacts
    group by workspace_id, contact_id
    having count(*) > 1

),

doubled_versions as (

    select
        workspace_id,
        segment_id

    from segment_versions
    group by workspace_id, segment_id, updated_at
    having count(*) > 1

),

doubled_days as (

    select
        workspace_id,
        segment_id

    from segment_days
    group by workspace_id, segment_id, observed_on
    having count(*) > 1

),

doubled_runs as (

    select
        workspace_id,
        run_id

    from runs
    group by workspace_id, run_id
    having count(*) > 1

),

final as (

    select
        workspace_id,
        'contacts' as mart,
        contact_id as id

    from doubled_contacts

    union all

    select
        workspace_id,
        'segment_versions' as mart,
        segment_id as id

    from doubled_versions

    union all

    select
        workspace_id,
        'segment_daily' as mart,
        segment_id as id

    from doubled_days

    union all

    select
        workspace_id,
        'sync_runs' as mart,
        run_id as id

    from doubled_runs

)

select * from final
