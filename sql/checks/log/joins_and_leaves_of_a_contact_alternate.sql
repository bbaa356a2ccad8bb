-- severity: warn
-- One row per segment with loaded changes that have no effect: a join of a member, or a leave of another contact. They
-- are left out. `intercom-warehouse repair` removes them.

with

contact_changes as (

    select * from stg_membership_changes

),

company_changes as (

    select * from stg_company_membership_changes

),

scans as (

    select * from int_segment_scans

),

loaded as (

    select
        workspace_id,
        segment_id

    from contact_changes

    union all

    select
        company_changes.workspace_id,
        company_changes.segment_id

    from company_changes
    -- inner: the models use no others
    inner join scans
        on
            company_changes.workspace_id = scans.workspace_id
            and company_changes.run_id = scans.run_id
            and company_changes.segment_id = scans.segment_id
    where scans.is_of_companies

),

changes as (

    select * from int_membership_changes

),

loaded_by_segment as (

    select
        workspace_id,
        segment_id,
        count(*) as loaded_changes

    from loaded
    group by workspace_id, segment_id

),

effective_by_segment as (

    select
        workspace_id,
        segment_id,
        count(*) as effective_changes

    from changes
    group by workspace_id, segment_id

),

final as (

    select
        loaded_by_segment.workspace_id,
        loaded_by_segment.segment_id,
        loaded_by_segment.loaded_changes,
        coalesce(effective_by_segment.effective_changes, 0) as effective_changes

    from loaded_by_segment
    left join effective_by_segment
        on
            loaded_by_segment.workspace_id = effective_by_segment.workspace_id
            and loaded_by_segment.segment_id = effective_by_segment.segment_id
    where loaded_by_segment.loaded_changes <> coalesce(effective_by_segment.effective_changes, 0)

)

select * from final
