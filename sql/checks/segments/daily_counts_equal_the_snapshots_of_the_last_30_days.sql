-- severity: error
-- of the whole
-- One row per day and segment whose member_count is not the number of contacts, or companies, in its snapshot.
-- The 30 days end with the last observed day, because no model reads the clock.

with

segment_days as (

    select * from segment_daily

),

contact_snapshots as (

    select * from segment_membership_snapshots

),

company_snapshots as (

    select * from company_segment_membership_snapshots

),

last_days as (

    select
        workspace_id,
        max(observed_on) as last_observed_on

    from segment_days
    group by workspace_id

),

recent_days as (

    select
        segment_days.workspace_id,
        segment_days.segment_id,
        segment_days.observed_on,
        segment_days.member_count

    from segment_days
    -- inner: the workspace of every day has a last day
    inner join last_days
        on segment_days.workspace_id = last_days.workspace_id
    where date_diff('day', segment_days.observed_on, last_days.last_observed_on) < 30

),

contact_counts as (

    select
        contact_snapshots.workspace_id,
        contact_snapshots.segment_id,
        contact_snapshots.observed_on,
        count(*) as snapshot_count

    from contact_snapshots
    -- inner: only recent days
    inner join last_days
        on contact_snapshots.workspace_id = last_days.workspace_id
    where date_diff('day', contact_snapshots.observed_on, last_days.last_observed_on) < 30
    group by contact_snapshots.workspace_id, contact_snapshots.segment_id, contact_snapshots.observed_on

),

company_counts as (

    select
        company_snapshots.workspace_id,
        company_snapshots.segment_id,
        company_snapshots.observed_on,
        count(*) as snapshot_count

    from company_snapshots
    -- inner: only recent days
    inner join last_days
        on company_snapshots.workspace_id = last_days.workspace_id
    where date_diff('day', company_snapshots.observed_on, last_days.last_observed_on) < 30
    group by company_snapshots.workspace_id, company_snapshots.segment_id, company_snapshots.observed_on

),

-- counted before they are put together: the snapshots of 30 days are 30 times all members
snapshot_counts as (

    select
        workspace_id,
        segment_id,
        observed_on,
        snapshot_count

    from contact_counts

    union all

    select
        workspace_id,
        segment_id,
        observed_on,
        snapshot_count

    from company_counts

),

final as (

    select
        recent_days.workspace_id,
        recent_days.segment_id,
        recent_days.observed_on,
        recent_days.member_count,
        coalesce(snapshot_counts.snapshot_count, 0) as snapshot_count

    from recent_days
    left join snapshot_counts
        on
            recent_days.workspace_id = snapshot_counts.workspace_id
            and recent_days.segment_id = snapshot_counts.segment_id
            and recent_days.observed_on = snapshot_counts.observed_on
    where recent_days.member_count <> coalesce(snapshot_counts.snapshot_count, 0)

)

select * from final
