-- severity: warn
-- One row per key that a loaded table contains more than once. One of its rows is used. `intercom-warehouse repair`
-- removes the others.

with

contacts as (

    select * from raw.contacts

),

segments as (

    select * from raw.segments

),

segment_scans as (

    select * from raw.segment_scans

),

contact_removals as (

    select * from raw.contact_removals

),

runs as (

    select * from raw.runs

),

doubled_contacts as (

    select
        workspace_id,
        id

    from contacts
    group by workspace_id, id
    having count(*) > 1

),

doubled_segments as (

    select
        workspace_id,
        segment_id

    from segments
    group by workspace_id, segment_id, updated_at
    having count(*) > 1

),

doubled_segment_scans as (

    select
        workspace_id,
        segment_id

    from segment_scans
    group by workspace_id, run_id, segment_id
    having count(*) > 1

),

doubled_contact_removals as (

    select
        workspace_id,
        contact_id

    from contact_removals
    group by workspace_id, contact_id, status, observed_at
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
        'contacts' as loaded_table,
        id

    from doubled_contacts

    union all

    select
        workspace_id,
        'segments' as loaded_table,
        segment_id as id

    from doubled_segments

    union all

    select
        workspace_id,
        'segment_scans' as loaded_table,
        segment_id as id

    from doubled_segment_scans

    union all

    select
        workspace_id,
        'contact_removals' as loaded_table,
        contact_id as id

    from doubled_contact_removals

    union all

    select
        workspace_id,
        'runs' as loaded_table,
        run_id as id

    from doubled_runs

)

select * from final
