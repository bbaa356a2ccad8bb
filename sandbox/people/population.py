"""Generated contacts: about fifty fields and two kilobytes each, with the irregular values that real contacts have."""

from collections.abc import Iterator
from random import Random
from typing import Any

from .contacts import DAY_SECONDS, Contact, Json, references, tag_list

HISTORY_DAYS = 730
CAMPAIGNS = tuple(f"campaign {number}" for number in range(14))
"""Tags of the few contacts that have many."""
TAGS = ("beta", "vip", "newsletter", "webinar 2026", "needs follow-up", "résumé ✅")
PLANS = ("trial", "free", "pro", "team", "enterprise")
COUNTRIES = {
    "DE": ("Germany", "Berlin", "Berlin", "EU"),
    "FR": ("France", "Île-de-France", "Paris", "EU"),
    "US": ("United States", "California", "San José", "NA"),
    "IE": ("Ireland", "Leinster", "Dublin", "EU"),
    "JP": ("Japan", "東京都", "東京", "AS"),
    "BR": ("Brazil", "São Paulo", "São Paulo", "SA"),
    "AU": ("Australia", "Victoria", "Melbourne", "OC"),
}

_FIRST_NAMES = ("Ada", "Zoë", "Björn", "Łucja", "Chidi", "Mei", "José", "Siobhán", "Noor", "Grace", "Иван", "花子")
_LAST_NAMES = ("Okafor", "Müller", "O'Neill", "Šimić", "García", "Smith", "Nguyễn", "Dubois", "山田", "Khan")
_FLOURISHES = (" 🚀", ' "Ace"', " <QA>", " & Co.", " 👩‍💻")
_ACCOUNTS = ("Northwind", 'O\'Hara & "Sons"', "Umlaut GmbH", "L'Épicerie; --", None)
_QUOTES = ('She said "ship it"', "back\\slash", "two\nlines", "", None)
_BROWSERS = ("chrome", "firefox", "safari", None)
_SYSTEMS = ("Mac OS X 15.1", "Windows 11", "Linux", "iOS 18.2", None)


def generated_contact(
    random: Random, contact_id: str, *, workspace_id: str, role: str, created_at: int, now: int
) -> Contact:
    """A contact without tags, whose timestamps lie between `created_at` and `now`."""
    return Contact(contact_id, _attributes(random, contact_id, workspace_id, role, created_at, now))


def population(random: Random, ids: list[str], *, workspace_id: str, now: int) -> Iterator[Contact]:
    """Contacts created in the last two years: more of them recently, some imported within the same second."""
    imports = [now - random.randrange(HISTORY_DAYS * DAY_SECONDS) for _ in range(4)]
    return (_past_contact(random, contact_id, workspace_id, imports, now) for contact_id in ids)


def _past_contact(random: Random, contact_id: str, workspace_id: str, imports: list[int], now: int) -> Contact:
    age = int(HISTORY_DAYS * DAY_SECONDS * random.random() ** 1.5)
    created_at = random.choice(imports) if random.random() < 0.2 else now - age
    role = "lead" if random.random() < 0.15 else "user"
    attributes = _attributes(random, contact_id, workspace_id, role, created_at, now)
    if role == "user" and random.random() < 0.005:
        attributes["signed_up_at"] = random.choice([2_303_596_800, -86_400, -1])
    tags = _tags(random)
    attributes["tags"] = tag_list(contact_id, tags)
    return Contact(contact_id, attributes, tags)


def _attributes(random: Random, contact_id: str, workspace_id: str, role: str, created_at: int, now: int) -> Json:
    attributes: Json = {"type": "contact", "id": contact_id, "workspace_id": workspace_id, "role": role}
    attributes |= _identity(random, contact_id, role)
    attributes |= _timestamps(random, role, created_at, now)
    attributes |= _technology(random, now - created_at, now)
    attributes |= _location(random)
    attributes |= _marketing(random)
    attributes |= _lists(random, contact_id)
    attributes["custom_attributes"] = _custom_attributes(random, created_at)
    return attributes


def _tags(random: Random) -> frozenset[str]:
    if random.random() < 0.005:
        return frozenset(CAMPAIGNS)
    return frozenset(tag for rarity, tag in enumerate(TAGS, start=2) if random.random() < 0.4 / rarity)


def _identity(random: Random, contact_id: str, role: str) -> Json:
    first, last = random.choice(_FIRST_NAMES), random.choice(_LAST_NAMES)
    flourish = random.choice(_FLOURISHES) if random.random() < 0.05 else ""
    phone = f"+4930{random.randrange(10**7):07}" if random.random() < 0.4 else None
    has_email = random.random() < (0.97 if role == "user" else 0.6)
    avatar = {"type": "avatar", "image_url": f"https://avatars.example.com/{contact_id}/128.png"}
    return {
        "external_id": f"user-{contact_id[:10]}" if role == "user" else None,
        "email": f"{contact_id[:8]}@{random.choice(['example.com', 'mail.example.org'])}" if has_email else None,
        "phone": phone,
        "formatted_phone": phone and f"{phone[:3]} {phone[3:5]} {phone[5:]}",
        "name": None if random.random() < 0.05 else f"{first} {last}{flourish}",
        "avatar": avatar if random.random() < 0.5 else None,
        # Intercom's numbered versions disagree about the type of owner_id, and live answers mix both.
        "owner_id": random.choice([None, None, 814_860, "814861"]),
        "has_hard_bounced": random.random() < 0.02,
        "marked_email_as_spam": random.random() < 0.01,
        "unsubscribed_from_emails": random.random() < 0.1,
    }


def _timestamps(random: Random, role: str, created_at: int, now: int) -> Json:
    age = now - created_at
    return {
        "created_at": created_at,
        "updated_at": now - int(age * random.random()),
        "signed_up_at": created_at if role == "user" else None,
        "last_seen_at": _recent_time(random, 0.9, age, now),
        "last_replied_at": _recent_time(random, 0.3, age, now, bias=1),
        "last_contacted_at": _recent_time(random, 0.6, age, now),
        "last_email_opened_at": _recent_time(random, 0.5, age, now),
        "last_email_clicked_at": _recent_time(random, 0.2, age, now),
    }


def _recent_time(random: Random, share: float, age: int, now: int, *, bias: int = 2) -> int | None:
    """A timestamp for `share` of the contacts, else None. A higher `bias` makes recent times more likely."""
    return now - int(age * random.random() ** bias) if random.random() < share else None


def _technology(random: Random, age: int, now: int) -> Json:
    browser = random.choice(_BROWSERS)
    return {
        "language_override": random.choice([None, None, "de"]),
        "browser": browser,
        "browser_version": browser and f"{random.randrange(90, 140)}.0",
        "browser_language": browser and random.choice(["en", "de", "ja"]),
        "os": random.choice(_SYSTEMS),
        **_phone(random, "android", "Pixel 9", age, now),
        **_phone(random, "ios", "iPhone 17", age, now),
    }


def _phone(random: Random, system: str, device: str, age: int, now: int) -> Json:
    has_phone = random.random() < 0.15
    values = {
        "app_name": "Sandbox",
        "app_version": f"4.{random.randrange(9)}.0",
        "device": device,
        "os_version": "18.2",
        "sdk_version": "17.1.0",
    }
    known: Json = {f"{system}_{name}": value if has_phone else None for name, value in values.items()}
    known[f"{system}_last_seen_at"] = _recent_time(random, 1.0, age, now) if has_phone else None
    return known


def _location(random: Random) -> Json:
    code = random.choice([None, *COUNTRIES])
    country, region, city, continent = COUNTRIES[code] if code else (None,) * 4
    location = {
        "type": "location",
        "country": country,
        "region": region,
        "city": city,
        "country_code": code,
        "continent_code": continent,
    }
    return {"location": location}


def _marketing(random: Random) -> Json:
    source = random.choice([None, None, "newsletter", "search"])
    fields: Json = {
        "utm_campaign": source and "spring & summer",
        "utm_content": None,
        "utm_medium": source and "email",
        "utm_source": source,
        "utm_term": None,
        "referrer": source and 'https://www.example.com/?q=a%20b&c="d"',
        "enabled_push_messaging": random.choice([None, True, False]),
    }
    if random.random() < 0.3:  # seen on live contacts, not documented
        fields |= {"sms_consent": random.random() < 0.5, "unsubscribed_from_sms": False}
    return fields


def _lists(random: Random, contact_id: str) -> Json:
    home = f"/contacts/{contact_id}"
    profile = {"type": "social_profile", "name": "Twitter", "url": f"https://twitter.com/{contact_id[:6]}"}
    return {
        "social_profiles": {"type": "list", "data": [profile] if random.random() < 0.2 else []},
        "tags": references("tag", [], url=f"{home}/tags"),
        "notes": references("note", _random_ids(random, 0.2), url=f"{home}/notes"),
        "companies": references("company", _random_ids(random, 0.5), url=f"{home}/companies"),
        "opted_out_subscription_types": references("subscription", [], url=f"{home}/subscriptions"),
        "opted_in_subscription_types": references("subscription", ["37846"], url=f"{home}/subscriptions"),
    }


def _random_ids(random: Random, share: float) -> list[str]:
    if random.random() >= share:
        return []
    count = 12 if random.random() < 0.02 else random.randrange(1, 4)
    return [str(random.randrange(10**6, 10**7)) for _ in range(count)]


def _custom_attributes(random: Random, created_at: int) -> dict[str, Any]:
    plan = random.choice(PLANS)
    is_paying = plan in ("pro", "team", "enterprise")
    return {
        "plan": plan,
        "monthly_spend": round(random.expovariate(1 / 180), 2) if is_paying else None,
        "sessions": int(random.paretovariate(0.8)),
        "is_admin": random.random() < 0.2,
        "account_name": random.choice(_ACCOUNTS),
        "favourite_quote": random.choice(_QUOTES),
        "trial_ends_at": created_at + 14 * DAY_SECONDS if plan == "trial" else None,
        "preferences": {"theme": random.choice(["dark", "light"]), "digest": {"days": [1, 4], "hour": 7.5}},
    }
