-- one row per teammate and UTC day on which the teammate did something in a conversation
--
-- All counts but conversation_count can be added up. An average is a sum divided by its count.

with

conversations as (

    select * from conversations

),

metrics as (

    select * from conversation_metrics

),

parts as (

    select * from conversation_parts

),

acts as (

    select
        parts.workspace_id,
        parts.author_id as admin_id,
        parts.conversation_id,
        parts.part_type as act,
        0 as amount,
        parts.created_at as happened_at

    from parts
    -- inner: conversations that are not deleted
    inner join metrics
        on
            parts.workspace_id = metrics.workspace_id
            and parts.conversation_id = metrics.conversation_id
    where
        not parts.is_deleted
        and parts.author_type = 'admin'
        and parts.part_type in ('comment', 'note', 'assignment', 'close')

),

assigned as (

    select
        parts.workspace_id,
        parts.assigned_to_id as admin_id,
        parts.conversation_id,
        'assigned' as act,
        0 as amount,
        parts.created_at as happened_at

    from parts
    -- inner: conversations that are not deleted
    inner join metrics
        on
            parts.workspace_id = metrics.workspace_id
            and parts.conversation_id = metrics.conversation_id
    where
        not parts.is_deleted
        and parts.assigned_to_type = 'admin'
        and parts.assigned_to_id is not null

),

first_replies as (

    select
        workspace_id,
        first_admin_id as admin_id,
        conversation_id,
        'first_reply' as act,
        seconds_to_first_admin_reply as amount,
        first_admin_reply_at as happened_at

    from metrics
    where first_admin_id is not null

),

ratings as (

    select
        workspace_id,
        rating_admin_id as admin_id,
        conversation_id,
        'rating' as act,
        rating as amount,
        coalesce(rating_updated_at, rating_requested_at) as happened_at

    from conversations
    where
        not is_deleted
        and rating is not null
        and rating_admin_id is not null

),

everything as (

    select * from acts

    union all

    select * from assigned

    union all

    select * from first_replies

    union all

    select * from ratings

),

dated as (

    select
        workspace_id,
        admin_id,
        conversation_id,
        act,
        amount,
        happened_at,
        cast(happened_at at time zone 'UTC' as date) as acted_on

    from everything
    where happened_at is not null

),

final as (

    select
        workspace_id,
        admin_id,
        acted_on,
        count(distinct case when act not in ('assigned', 'first_reply', 'rating') then conversation_id end)
            as conversation_count,
        cast(sum(case when act = 'comment' then 1 else 0 end) as bigint) as reply_count,
        cast(sum(case when act = 'note' then 1 else 0 end) as bigint) as note_count,
        cast(sum(case when act = 'assignment' then 1 else 0 end) as bigint) as assignment_count,
        cast(sum(case when act = 'close' then 1 else 0 end) as bigint) as close_count,
        cast(sum(case when act = 'assigned' then 1 else 0 end) as bigint) as assigned_count,
        cast(sum(case when act = 'first_reply' then 1 else 0 end) as bigint) as first_reply_count,
        cast(sum(case when act = 'first_reply' then amount else 0 end) as bigint) as first_reply_seconds,
        cast(sum(case when act = 'rating' then 1 else 0 end) as bigint) as rating_count,
        cast(sum(case when act = 'rating' then amount else 0 end) as bigint) as rating_sum,
        min(happened_at) as first_act_at,
        max(happened_at) as last_act_at

    from dated
    group by workspace_id, admin_id, acted_on

)

select * from final
