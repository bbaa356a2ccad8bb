-- one row per contact, as Intercom last sent it

with

source as (

    select * from raw.contacts

),

doubled as (

    select
        workspace_id,
        id

    from source
    group by workspace_id, id
    having count(*) > 1

),

-- only doubled contacts are numbered: numbering all of them takes long
numbered as (

    select
        source.*,
        1 as copy_number

    from source
    left join doubled
        on
            source.workspace_id = doubled.workspace_id
            and source.id = doubled.id
    where doubled.id is null

    union all

    select
        source.*,
        row_number() over (
            partition by source.workspace_id, source.id
            order by source.updated_at desc
        ) as copy_number

    from source
    -- inner: the doubled ones
    inner join doubled
        on
            source.workspace_id = doubled.workspace_id
            and source.id = doubled.id

),

renamed as (

    select
        -- ids
        workspace_id,
        id as contact_id,
        external_id,
        owner_id,

        -- person
        role,
        name,
        email,
        email_domain,
        phone,
        formatted_phone,
        language_override,

        -- messaging
        has_hard_bounced,
        marked_email_as_spam,
        unsubscribed_from_emails,
        enabled_push_messaging,

        -- browser
        browser,
        browser_version,
        browser_language,
        os,

        -- apps
        android_app_name,
        android_app_version,
        android_device,
        android_os_version,
        android_sdk_version,
        ios_app_name,
        ios_app_version,
        ios_device,
        ios_os_version,
        ios_sdk_version,

        -- first visit
        utm_campaign,
        utm_content,
        utm_medium,
        utm_source,
        utm_term,
        referrer,

        -- nested, as JSON
        custom_attributes,
        tags,
        notes,
        companies,
        location,
        social_profiles,
        avatar,
        opted_in_subscription_types,
        opted_out_subscription_types,
        _extra,

        -- timestamps: epoch seconds to UTC
        to_timestamp(created_at) as created_at,
        to_timestamp(updated_at) as updated_at,
        to_timestamp(signed_up_at) as signed_up_at,
        to_timestamp(last_seen_at) as last_seen_at,
        to_timestamp(last_replied_at) as last_replied_at,
        to_timestamp(last_contacted_at) as last_contacted_at,
        to_timestamp(last_email_opened_at) as last_email_opened_at,
        to_timestamp(last_email_clicked_at) as last_email_clicked_at,
        to_timestamp(android_last_seen_at) as android_last_seen_at,
        to_timestamp(ios_last_seen_at) as ios_last_seen_at

    from numbered
    where copy_number = 1

)

select * from renamed
