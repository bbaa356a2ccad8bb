"""What each version of Intercom's API can do.

Source: the OpenAPI descriptions of each version ("Searching for Timestamp Fields") and the changelog of 2.17.
"""

from dataclasses import dataclass

DAY_VERSIONS = tuple(f"2.{minor}" for minor in range(7, 17))


@dataclass(frozen=True)
class Version:
    """One version.

    Args:
        exact_times: search matches times by the second, else by the calendar day of the workspace's timezone.
        has_feeds: there are an activity feed and a list of removed contacts.
    """

    name: str
    exact_times: bool
    has_feeds: bool

    @property
    def overlap(self) -> int:
        """Seconds to read again in any run: under the day rule a day, in case Intercom uses another timezone."""
        return 0 if self.exact_times else 86_400


VERSIONS = {name: Version(name, exact_times=False, has_feeds=False) for name in DAY_VERSIONS} | {
    "2.17": Version("2.17", exact_times=True, has_feeds=True),
    "Preview": Version("Preview", exact_times=True, has_feeds=True),
}
_PREVIEW_NAMES = ("preview", "unstable")
"""Other names in use; Intercom itself knows only `Preview`, in that spelling."""


def version(configured: str) -> Version:
    """A version by its name. One newer than this release is read by the day rule, which is safe under both rules.

    Its feeds are tried; if Intercom has none, contacts are looked up one by one.
    """
    name = "Preview" if configured.lower() in _PREVIEW_NAMES else configured
    return VERSIONS.get(name, Version(name, exact_times=False, has_feeds=True))


def has(configured: str, since: str) -> bool:
    """Whether a version has what came with another one. One that is not known may have it."""
    names = list(VERSIONS)
    if configured in names and since in names:
        return names.index(configured) >= names.index(since)
    return True


def is_too_old(configured: str) -> bool:
    """Whether a version lacks the contact search that is used here."""
    major, _, minor = configured.partition(".")
    return major == "1" or (major == "2" and minor.isdigit() and int(minor) < 7)
