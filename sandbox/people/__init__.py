"""Contacts: their attributes, their activity, their removal, and the JSON that Intercom sends of them."""

from .activities import Activity, EventType, Feed
from .contacts import DAY_SECONDS, Contact, Json, all_ids, references, tag_id
from .data_attributes import DataAttributes
from .data_events import DataEvent, DataEvents
from .encoding import ContactEncoder, ContactEncoding
from .population import CAMPAIGNS, COUNTRIES, PLANS, TAGS, generated_contact, population
from .removals import Removal, RemovalKind

__all__ = [
    "CAMPAIGNS",
    "COUNTRIES",
    "DAY_SECONDS",
    "PLANS",
    "TAGS",
    "Activity",
    "Contact",
    "ContactEncoder",
    "ContactEncoding",
    "DataAttributes",
    "DataEvent",
    "DataEvents",
    "EventType",
    "Feed",
    "Json",
    "Removal",
    "RemovalKind",
    "all_ids",
    "generated_contact",
    "population",
    "references",
    "tag_id",
]
