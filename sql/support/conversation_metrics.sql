-- one row per conversation of which the parts were read
--
-- All of it is computed from the parts that are loaded, but for office hours and handling, which Intercom counts. Other
-- durations count every hour.

with

conversations as (

    select * from conversations

),

part_reads as (

    select * from conversation_part_reads

),

parts as (

    select * from conversation_parts

),

events as (

    select
        workspace_id,
        conversation_id,
        part_id,
        author_id,
        created_at,
        case
            when part_type = 'note' then 'note'
            when part_type = 'assignment' then 'assignment'
            when part_type = 'close' then 'close'
            when part_type in ('comment', 'open') and author_type in ('user', 'lead', 'contact') then 'contact_reply'
            when part_type = 'comment' and author_type = 'admin' then 'admin_reply'
            when part_type = 'comment' then 'bot_reply'
            else 'other'
        end as event,
        case when part_type = 'open' then 1 else 0 end as is_reopening

    from parts
    where not is_deleted

),

admin_replies as (

    select
        workspace_id,
        conversation_id,
        author_id,
        row_number() over (
            partition by workspace_id, conversation_id
            order by created_at, length(part_id), part_id
        ) as place_from_first,
        row_number() over (
            partition by workspace_id, conversation_id
            order by created_at desc, length(part_id) desc, part_id desc
        ) as place_from_last

    from events
    where event = 'admin_reply'

),

authors as (

    select
        workspace_id,
        conversation_id,
        max(case when place_from_first = 1 then author_id end) as first_admin_id,
        max(case when place_from_last = 1 then author_id end) as last_admin_id,
        count(distinct author_id) as admin_count

    from admin_replies
    group by workspace_id, conversation_id

),

counted as (

    select
        workspace_id,
        conversation_id,
        count(*) as part_count,
        sum(case when event = 'contact_reply' then 1 else 0 end) as contact_reply_count,
        sum(case when event = 'admin_reply' then 1 else 0 end) as admin_reply_count,
        sum(case when event = 'bot_reply' then 1 else 0 end) as bot_reply_count,
        sum(case when event = 'note' then 1 else 0 end) as note_count,
        sum(case when event = 'assignment' then 1 else 0 end) as assignment_count,
        sum(case when event = 'close' then 1 else 0 end) as close_count,
        sum(is_reopening) as reopen_count,
        min(case when event = 'contact_reply' then created_at end) as first_contact_reply_at,
        min(case when event = 'admin_reply' then created_at end) as first_admin_reply_at,
        max(case when event = 'admin_reply' then created_at end) as last_admin_reply_at,
        min(case when event = 'assignment' then created_at end) as first_assigned_at,
        min(case when event = 'close' then created_at end) as first_closed_at,
        max(case when event = 'close' then created_at end) as last_closed_at

    from events
    group by workspace_id, conversation_id

),

final as (

    select
        conversations.workspace_id,
        conversations.conversation_id,
        case
            when conversations.source_author_type in ('user', 'lead', 'contact') then 'contact'
            when conversations.source_author_type = 'admin' then 'admin'
            else 'bot'
        end as started_by,
        conversations.state,
        conversations.admin_assignee_id,
        conversations.team_assignee_id,
        conversations.rating,
        authors.first_admin_id,
        authors.last_admin_id,
        coalesce(authors.admin_count, 0) as admin_count,
        coalesce(counted.part_count, 0) as part_count,
        coalesce(counted.contact_reply_count, 0) as contact_reply_count,
        coalesce(counted.admin_reply_count, 0) as admin_reply_count,
        coalesce(counted.bot_reply_count, 0) as bot_reply_count,
        coalesce(counted.note_count, 0) as note_count,
        coalesce(counted.assignment_count, 0) as assignment_count,
        coalesce(counted.close_count, 0) as close_count,
        coalesce(counted.reopen_count, 0) as reopen_count,
        date_diff('second', conversations.created_at, counted.first_admin_reply_at) as seconds_to_first_admin_reply,
        date_diff('second', conversations.created_at, counted.first_assigned_at) as seconds_to_first_assignment,
        date_diff('second', conversations.created_at, counted.first_closed_at) as seconds_to_first_close,
        date_diff('second', conversations.created_at, counted.last_closed_at) as seconds_to_last_close,
        conversations.time_to_admin_reply as office_seconds_to_first_admin_reply,
        conversations.time_to_first_close as office_seconds_to_first_close,
        conversations.time_to_last_close as office_seconds_to_last_close,
        conversations.handling_time as handling_seconds,
        coalesce(counted.part_count, 0) >= least(part_reads.part_count, part_reads.listed_count)
        or part_reads.listed_count = 0 as has_all_parts,
        conversations.created_at,
        counted.first_contact_reply_at,
        counted.first_admin_reply_at,
        counted.last_admin_reply_at,
        counted.first_assigned_at,
        counted.first_closed_at,
        counted.last_closed_at,
        part_reads.observed_at as parts_read_at

    from conversations
    -- inner: only conversations of which the parts were read
    inner join part_reads
        on
            conversations.workspace_id = part_reads.workspace_id
            and conversations.conversation_id = part_reads.conversation_id
    left join counted
        on
            conversations.workspace_id = counted.workspace_id
            and conversations.conversation_id = counted.conversation_id
    left join authors
        on
            conversations.workspace_id = authors.workspace_id
            and conversations.conversation_id = authors.conversation_id
    where not conversations.is_deleted

)

select * from final
