-- severity: error
-- One row per change without an effect: a join of a member, or a leave of a contact that is not a member.

with

changes as (

    select * from stg_membership_changes

),

followed as (

    select
        workspace_id,
        segment_id,
        contact_id,
        observed_at,
        seen_by,
        is_member,

        coalesce(lag(is_member) over (
            partition by workspace_id, segment_id, contact_id
            order by observed_at asc, is_member desc
        ), false) as was_member

    from changes

),

final as (

    select
        workspace_id,
        segment_id,
        contact_id,
        observed_at,
        seen_by,
        is_member

    from followed
    where is_member = was_member

)

select * from final
