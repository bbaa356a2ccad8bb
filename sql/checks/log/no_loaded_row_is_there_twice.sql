-- severity: warn
-- One row per key that a loaded table contains more than once. One of its rows is used. `intercom-warehouse repair`
-- removes the others.

with

workspaces as (

    select * from raw.workspaces

),

data_attributes as (

    select * from raw.data_attributes

),

contacts as (

    select * from raw.contacts

),

segments as (

    select * from raw.segments

),

segment_scans as (

    select * from raw.segment_scans

),

company_segment_scans as (

    select * from raw.company_segment_scans

),

contact_attribute_changes as (

    select * from raw.contact_attribute_changes

),

contact_removals as (

    select * from raw.contact_removals

),

runs as (

    select * from raw.runs

),

doubled_workspaces as (

    select
        workspace_id,
        count(*) as copies

    from workspaces
    group by workspace_id
    having count(*) > 1

),

doubled_attributes as (

    select
        workspace_id,
        full_name

    from data_attributes
    group by workspace_id, model, full_name
    having count(*) > 1

),

doubled_attribute_changes as (

    select
        workspace_id,
        contact_id

    from contact_attribute_changes
    group by workspace_id, contact_id, attribute, observed_at
    having count(*) > 1

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

doubled_company_segment_scans as (

    select
        workspace_id,
        segment_id

    from company_segment_scans
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
        'workspaces' as loaded_table,
        workspace_id as id

    from doubled_workspaces

    union all

    select
        workspace_id,
        'data_attributes' as loaded_table,
        full_name as id

    from doubled_attributes

    union all

    select
        workspace_id,
        'contact_attribute_changes' as loaded_table,
        contact_id as id

    from doubled_attribute_changes

    union all

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
        'company_segment_scans' as loaded_table,
        segment_id as id

    from doubled_company_segment_scans

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
