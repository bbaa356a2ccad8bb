"""`explain`: one contact's memberships, with the evidence."""

from .asking import Question, real_workspace
from .explain import Explain
from .story import (
    Evidence,
    Explained,
    IntercomNow,
    KnownContact,
    KnownRemoval,
    KnownScan,
    SegmentStory,
    Sightings,
    Spell,
)

__all__ = [
    "Evidence",
    "Explain",
    "Explained",
    "IntercomNow",
    "KnownContact",
    "KnownRemoval",
    "KnownScan",
    "Question",
    "SegmentStory",
    "Sightings",
    "Spell",
    "real_workspace",
]
