-- one row per pair of segments that share members now, and one per segment with itself: how many they share
-- Each pair is there once, in the order of the ids.

with

memberships as (

    select * from int_memberships

),

scans as (

    select * from int_scans

),

members as (

    select
        memberships.workspace_id,
        memberships.segment_id,
        memberships.member_id,
        scans.is_of_companies

    from memberships
    -- inner: a segment that has members was scanned
    inner join scans
        on
            memberships.workspace_id = scans.workspace_id
            and memberships.segment_id = scans.segment_id
            and scans.is_newest
    where memberships.is_current

),

final as (

    select
        members.workspace_id,
        members.segment_id,
        others.segment_id as other_segment_id,
        count(*) as shared_count

    from members
    -- inner: pairs without a shared member are left out; a segment shares all members with itself
    inner join members as others
        on
            members.workspace_id = others.workspace_id
            and members.member_id = others.member_id
            and members.is_of_companies = others.is_of_companies
            and members.segment_id <= others.segment_id
    group by members.workspace_id, members.segment_id, others.segment_id

)

select * from final
