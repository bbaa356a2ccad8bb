"""Contacts: who they are, what happened to them, and how Intercom sends them."""

from .activities import Activity, EventType, Feed
from .contacts import DAY_SECONDS, Contact, Json, tag_id
from .forms import Form, Reshape, changes, forms
from .people import COUNTRIES, PLANS, TAGS, made_up_contact, population
from .removals import Removal, Way

__all__ = [
    "COUNTRIES",
    "DAY_SECONDS",
    "PLANS",
    "TAGS",
    "Activity",
    "Contact",
    "EventType",
    "Feed",
    "Form",
    "Json",
    "Removal",
    "Reshape",
    "Way",
    "changes",
    "forms",
    "made_up_contact",
    "population",
    "tag_id",
]
