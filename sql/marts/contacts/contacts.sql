-- one row per contact, as Intercom last sent it, removed contacts included

with

contacts as (

    select * from stg_contacts

),

removals as (

    select * from int_contact_removals

),

survivors as (

    select * from int_survivors

),

last_removals as (

    select
        workspace_id,
        contact_id,
        status

    from removals
    where
        is_newest
        and status <> 'active'

),

final as (

    select
        -- ids
        contacts.workspace_id,
        contacts.contact_id,
        contacts.external_id,
        contacts.owner_id,
        survivors.survivor_id as merged_into_contact_id,

        -- removal
        coalesce(last_removals.status in ('deleted', 'merged', 'unknown'), false) as is_deleted,
        last_removals.status as removal_status,

        -- person
        contacts.role,
        contacts.name,
        contacts.email,
        contacts.email_domain,
        contacts.phone,
        contacts.formatted_phone,
        contacts.language_override,

        -- messaging
        contacts.has_hard_bounced,
        contacts.marked_email_as_spam,
        contacts.unsubscribed_from_emails,
        contacts.enabled_push_messaging,

        -- browser
        contacts.browser,
        contacts.browser_version,
        contacts.browser_language,
        contacts.os,

        -- apps
        contacts.android_app_name,
        contacts.android_app_version,
        contacts.android_device,
        contacts.android_os_version,
        contacts.android_sdk_version,
        contacts.ios_app_name,
        contacts.ios_app_version,
        contacts.ios_device,
        contacts.ios_os_version,
        contacts.ios_sdk_version,

        -- first visit
        contacts.utm_campaign,
        contacts.utm_content,
        contacts.utm_medium,
        contacts.utm_source,
        contacts.utm_term,
        contacts.referrer,

        -- nested, as JSON
        contacts.custom_attributes,
        contacts.tags,
        contacts.notes,
        contacts.companies,
        contacts.location,
        contacts.social_profiles,
        contacts.avatar,
        contacts.opted_in_subscription_types,
        contacts.opted_out_subscription_types,
        contacts._extra,

        -- timestamps
        contacts.created_at,
        contacts.updated_at,
        contacts.signed_up_at,
        contacts.last_seen_at,
        contacts.last_replied_at,
        contacts.last_contacted_at,
        contacts.last_email_opened_at,
        contacts.last_email_clicked_at,
        contacts.android_last_seen_at,
        contacts.ios_last_seen_at

    from contacts
    left join last_removals
        on
            contacts.workspace_id = last_removals.workspace_id
            and contacts.contact_id = last_removals.contact_id
    left join survivors
        on
            contacts.workspace_id = survivors.workspace_id
            and contacts.contact_id = survivors.contact_id

)

select * from final
