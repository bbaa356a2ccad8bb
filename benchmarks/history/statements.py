"""The SQL that generates the raw tables of a history. All random values are hashes of numbers."""

MACROS = """
create temp macro chance(what, about, other) as hash(what, about, other) / 18446744073709551616.0;
create temp macro id_of(what, number) as '65f0a1b2' || lpad(to_hex(hash(what, number)), 16, '0');
create temp macro morning_of(day) as timestamptz '2025-01-01 06:00:00+00' + day * interval 1 day;
create temp macro run_of(day) as 'run-' || lpad(cast(day as text), 5, '0');
create temp macro load_of(day) as cast(1735711200 + 86400 * day as text) || '.123456';
"""
"""Ids have the length of Intercom's, load ids the format of dlt's."""

SCANS = """
-- one scan per day and segment: 1 in 40 is absent, 1 in 50 is incomplete, a quarter are read by cursor
create temp table scans as
select
    segment,
    day,
    morning_of(day) + (600 + 2 * segment) * interval 1 second as observed_at,
    case
        when day in (0, getvariable('days') - 1) or chance('status', segment, day) > 0.27 then 'complete'
        when chance('status', segment, day) < 0.02 then 'incomplete'
        else 'confirmed'
    end as status
from range(getvariable('segments')) as segments (segment), range(getvariable('days')) as days (day)
where day in (0, getvariable('days') - 1) or chance('absent', segment, day) > 0.025;

-- only a whole scan changes members here, so a change is identified by the number of its scan in the segment
create temp table whole_scans as
select *, row_number() over (partition by segment order by day) as number
from scans
where status <> 'incomplete';

create temp table last_scans as
select segment, max(number) as number
from whole_scans
group by segment;
"""

REMOVALS = """
-- a run that finds a removal ends the memberships in the segments that it scans; the others end by a later scan
create temp table removals as
select
    contact,
    1 + cast(floor(chance('removed on', contact, 0) * (getvariable('days') - 2)) as bigint) as day,
    case when contact % 3 = 0 then 'deleted' when contact % 3 = 1 then 'merged' else 'archived' end as status
from range(getvariable('contacts')) as contacts (contact)
where chance('removed', contact, 0) < 0.03;

create temp table removals_by_segment as
select removals.contact, whole_scans.segment, min(whole_scans.number) as number
from removals
inner join whole_scans on removals.day <= whole_scans.day
group by removals.contact, whole_scans.segment;
"""

MOVES = """
-- the first segments are the largest; a fifth of the memberships exist from the start
create temp table entries as
select distinct on (contact, segment)
    contact,
    segment,
    case when chance('baseline', contact, slot) < 0.2 then 1
    else 1 + cast(floor(chance('entry', contact, slot) * last_scans.number) as bigint) end as entry,
    last_scans.number as last
from (
    select
        contact,
        slot,
        cast(floor(getvariable('segments') * pow(chance('segment', contact, slot), 2)) as bigint) as place
    from range(getvariable('contacts')) as contacts (contact), range(5) as slots (slot)
    where chance('there', contact, slot) < 0.85
) as places
inner join last_scans on places.place = last_scans.segment;

create temp table spans as
select *, exit + 1 + cast(floor(chance('return', contact, segment) * 150) as bigint) as reentry
from (
    select *, entry + 1 + cast(floor(chance('exit', contact, segment) * last * 0.8) as bigint) as exit
    from entries
) as entries;

create temp table planned_moves as
select contact, segment, last, entry as number, true as is_member from spans
union all
select contact, segment, last, exit, false from spans where chance('leaves', contact, segment) < 0.7
union all
select contact, segment, last, reentry, true from spans
where chance('leaves', contact, segment) < 0.7 and chance('returns', contact, segment) < 0.7;

create temp table moves as
with possible as (
    select planned_moves.*, removals.number as removed
    from planned_moves
    left join removals_by_segment as removals
        on planned_moves.contact = removals.contact and planned_moves.segment = removals.segment
    where planned_moves.number <= last and (removals.number is null or planned_moves.number < removals.number)
)
select contact, segment, number, is_member, false as is_removal from possible
union all
select contact, segment, min(removed), false, true
from possible
where removed is not null
group by contact, segment
having sum(case when is_member then 1 else -1 end) = 1;
"""

TABLES = """
insert into membership_changes by name
select
    'w' as workspace_id,
    id_of('segment', segment) as segment_id,
    id_of('contact', contact) as contact_id,
    is_member,
    observed_at,
    case
        when moves.is_removal and removals.day = whole_scans.day then 'removal'
        when whole_scans.status = 'complete' then 'sweep'
        else 'cursor'
    end as seen_by,
    run_of(whole_scans.day) as run_id,
    load_of(whole_scans.day) as _dlt_load_id
from moves
inner join whole_scans using (segment, number)
left join removals using (contact)
order by observed_at;

insert into segment_scans by name
select
    'w' as workspace_id,
    id_of('segment', segment) as segment_id,
    run_of(day) as run_id,
    case when status = 'confirmed' then 'cursor' else 'sweep' end as how,
    status,
    observed_at - interval 5 minute as started_at,
    observed_at,
    members as count,
    case when status = 'confirmed' then joined + 2 else members end as fetched,
    members,
    load_of(day) as _dlt_load_id
from (
    select
        scans.*,
        coalesce(counts.joined, 0) as joined,
        sum(coalesce(counts.joined - counts.removed, 0)) over (partition by segment order by day) as members
    from scans
    left join (
        select segment, day, count_if(is_member) as joined, count_if(not is_member) as removed
        from moves
        inner join whole_scans using (segment, number)
        group by segment, day
    ) as counts using (segment, day)
) as counted
order by observed_at;

insert into segments by name
select
    'w' as workspace_id,
    id_of('segment', segment) as segment_id,
    'Segment ' || segment || ', version ' || version as name,
    case when segment % 5 = 0 then 'contact' else 'user' end as person_type,
    epoch(morning_of(-30)) as created_at,
    epoch(morning_of(day)) - 3600 as updated_at,
    morning_of(day) as observed_at,
    run_of(day) as run_id,
    load_of(day) as _dlt_load_id
from (
    select segment, version, version * (getvariable('days') - 1) // 4 as day
    from range(getvariable('segments')) as segments (segment), range(4) as versions (version)
    where version <= hash('versions', segment) % 4
) as versions;

insert into contact_removals by name
select
    'w' as workspace_id,
    id_of('contact', contact) as contact_id,
    status,
    morning_of(day) as observed_at,
    epoch(morning_of(day)) - 3600 as happened_at,
    case when status = 'merged' then id_of('contact', contact + 1) end as merged_into_contact_id,
    run_of(day) as run_id,
    load_of(day) as _dlt_load_id
from removals;

insert into runs by name
select
    'w' as workspace_id,
    run_of(day) as run_id,
    'intercom' as pipeline_name,
    'sync' as command,
    morning_of(day) as started_at,
    morning_of(day) + interval 20 minute as ended_at,
    'done' as outcome,
    0 as exit_code,
    1000 as api_calls,
    load_of(day) as _dlt_load_id
from range(getvariable('days')) as days (day);
"""

CONTACTS = """
insert into contacts by name
select
    'w' as workspace_id,
    id_of('contact', contact) as id,
    'user-' || contact as external_id,
    case when contact % 4 = 0 then 'lead' else 'user' end as role,
    'contact' || contact || '@company' || contact % 5000 || '.example' as email,
    'company' || contact % 5000 || '.example' as email_domain,
    'Contact Number ' || contact as name,
    cast(contact % 40 as text) as owner_id,
    contact % 97 = 0 as has_hard_bounced,
    contact % 101 = 0 as marked_email_as_spam,
    contact % 7 = 0 as unsubscribed_from_emails,
    epoch(morning_of(day - 300)) as created_at,
    epoch(morning_of(day)) as updated_at,
    epoch(morning_of(day - 300)) as signed_up_at,
    epoch(morning_of(day)) - contact % 86400 as last_seen_at,
    case when contact % 3 = 0 then epoch(morning_of(day)) end as last_replied_at,
    case when contact % 2 = 0 then epoch(morning_of(day)) end as last_contacted_at,
    'chrome' as browser,
    cast(100 + contact % 30 as text) || '.0.' || contact % 977 as browser_version,
    'en' as browser_language,
    'OS X 10.15.7' as os,
    'spring_' || contact % 12 as utm_campaign,
    'https://www.example.com/landing/' || contact % 400 as referrer,
    '{"plan":"pro","seats":' || contact % 50 || ',"paid_at":' || 1735711200 + contact || ',"city":"Dublin"}'
        as custom_attributes,
    '{"type":"list","data":[{"id":"' || contact % 60 || '","type":"tag"}],"total_count":1}' as tags,
    '{"type":"list","data":[],"total_count":0}' as notes,
    '{"type":"list","data":[{"id":"' || id_of('company', contact % 5000) || '","type":"company"}],"total_count":1}'
        as companies,
    '{"type":"location","country":"Ireland","region":"Leinster","city":"Dublin"}' as location,
    '{"type":"list","data":[]}' as social_profiles,
    load_of(day) as _dlt_load_id
from (
    select contact, cast(hash('updated', contact) % cast(getvariable('days') as ubigint) as bigint) as day
    from range(getvariable('contacts')) as contacts (contact)
) as dated;
"""
"""About as wide as real contacts: half of their columns have values, a tenth is JSON."""

EDIT = """
insert into segments by name
select
    versions.* replace (
        cast(epoch(scans.observed_at) as bigint) - 3600 as updated_at,
        scans.observed_at as observed_at,
        scans.run_id as run_id,
        scans._dlt_load_id as _dlt_load_id
    )
from segments as versions
inner join (
    select *
    from segment_scans
    qualify
        row_number() over (order by _dlt_load_id desc, members)
        = (select count(distinct segment_id) // 2 from segment_scans)
) as scans using (segment_id)
qualify row_number() over (order by versions.updated_at desc) = 1;
"""
"""A new version of one segment, as the newest run would load it."""

ALL = (MACROS, SCANS, REMOVALS, MOVES, TABLES, CONTACTS)
"""In the order of execution."""
