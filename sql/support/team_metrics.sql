-- one row per team and UTC day on which conversations began that the team has now
--
-- All columns can be added up. An average is a sum of seconds divided by its count.

with

metrics as (

    select * from conversation_metrics

),

final as (

    select
        workspace_id,
        team_assignee_id as team_id,
        cast(created_at at time zone 'UTC' as date) as began_on,
        count(*) as conversation_count,
        cast(sum(case when state = 'closed' then 1 else 0 end) as bigint) as closed_count,
        cast(sum(case when reopen_count > 0 then 1 else 0 end) as bigint) as reopened_count,
        cast(sum(contact_reply_count) as bigint) as contact_reply_count,
        cast(sum(admin_reply_count) as bigint) as admin_reply_count,
        cast(sum(note_count) as bigint) as note_count,
        count(seconds_to_first_admin_reply) as first_reply_count,
        cast(coalesce(sum(seconds_to_first_admin_reply), 0) as bigint) as first_reply_seconds,
        count(office_seconds_to_first_admin_reply) as office_first_reply_count,
        cast(coalesce(sum(office_seconds_to_first_admin_reply), 0) as bigint) as office_first_reply_seconds,
        count(seconds_to_last_close) as close_count,
        cast(coalesce(sum(seconds_to_last_close), 0) as bigint) as close_seconds,
        count(handling_seconds) as handling_count,
        cast(coalesce(sum(handling_seconds), 0) as bigint) as handling_seconds,
        count(rating) as rating_count,
        cast(coalesce(sum(rating), 0) as bigint) as rating_sum

    from metrics
    where team_assignee_id is not null
    group by workspace_id, team_assignee_id, cast(created_at at time zone 'UTC' as date)

)

select * from final
