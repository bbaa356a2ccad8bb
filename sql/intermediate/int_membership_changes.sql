-- one row per observed change of one contact, or company, in one segment: each differs from the one before it
-- A table, because every reader would compare all changes again.

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

changes as (

    select
        workspace_id,
        segment_id,
        contact_id as member_id,
        run_id,
        is_member,
        seen_by,
        observed_at

    from contact_changes

    union all

    select
        company_changes.workspace_id,
        company_changes.segment_id,
        company_changes.company_id as member_id,
        company_changes.run_id,
        company_changes.is_member,
        company_changes.seen_by,
        company_changes.observed_at

    from company_changes
    -- inner: only segments of companies, each with the scan of its run
    inner join scans
        on
            company_changes.workspace_id = scans.workspace_id
            and company_changes.run_id = scans.run_id
            and company_changes.segment_id = scans.segment_id
    where scans.is_of_companies

),

-- where a run scanned a segment twice, one of the two scans is loaded, and all changes that the run found belong to it
scanned as (

    select
        changes.workspace_id,
        changes.segment_id,
        changes.member_id,
        changes.is_member,
        changes.seen_by,
        coalesce(scans.observed_at, changes.observed_at) as observed_at

    from changes
    left join scans
        on
            changes.workspace_id = scans.workspace_id
            and changes.run_id = scans.run_id
            and changes.segment_id = scans.segment_id

),

followed as (

    select
        workspace_id,
        segment_id,
        member_id,
        is_member,
        seen_by,
        observed_at,

        coalesce(lag(is_member) over (
            partition by workspace_id, segment_id, member_id
            order by observed_at asc, is_member desc
        ), false) as was_member

    from scanned

),

final as (

    select
        workspace_id,
        segment_id,
        member_id,
        is_member,
        seen_by,
        observed_at,
        cast(observed_at at time zone 'UTC' as date) as observed_on

    from followed
    where is_member <> was_member

)

select * from final
