-- one row per run and segment, of contacts or of companies: how it was read, and what the scan proves
-- A segment that Intercom lists is one of contacts, even if a company names it.

with

contact_scans as (

    select * from stg_segment_scans

),

company_scans as (

    select * from stg_company_segment_scans

),

segments as (

    select * from stg_segments

),

company_segments as (

    select
        workspace_id,
        segment_id

    from segments
    where person_type = 'company'
    group by workspace_id, segment_id

),

final as (

    select
        workspace_id,
        segment_id,
        false as is_of_companies,
        run_id,
        how,
        status,
        reported_count,
        search_count,
        fetched_count,
        member_count,
        problem,
        started_at,
        observed_at,
        observed_on

    from contact_scans

    union all

    select
        company_scans.workspace_id,
        company_scans.segment_id,
        true as is_of_companies,
        company_scans.run_id,
        company_scans.how,
        company_scans.status,
        cast(null as bigint) as reported_count,
        cast(null as bigint) as search_count,
        company_scans.fetched_count,
        company_scans.member_count,
        company_scans.problem,
        company_scans.started_at,
        company_scans.observed_at,
        company_scans.observed_on

    from company_scans
    -- inner: a segment of contacts is left out
    inner join company_segments
        on
            company_scans.workspace_id = company_segments.workspace_id
            and company_scans.segment_id = company_segments.segment_id

)

select * from final
