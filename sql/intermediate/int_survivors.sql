-- one row per merged contact: the contact it is now, because its target may have been merged in turn
-- Intercom follows up to three merges, and so does this model.

with

removals as (

    select * from int_contact_removals

),

merged as (

    select
        workspace_id,
        contact_id,
        merged_into_contact_id

    from removals
    where
        is_newest
        and status = 'merged'

),

final as (

    select
        merged.workspace_id,
        merged.contact_id,
        coalesce(thirds.merged_into_contact_id, seconds.merged_into_contact_id, merged.merged_into_contact_id)
            as survivor_id

    from merged
    left join merged as seconds
        on
            merged.workspace_id = seconds.workspace_id
            and merged.merged_into_contact_id = seconds.contact_id
    left join merged as thirds
        on
            seconds.workspace_id = thirds.workspace_id
            and seconds.merged_into_contact_id = thirds.contact_id

)

select * from final
