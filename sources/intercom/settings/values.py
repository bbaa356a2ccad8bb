"""The values of section `[sources.intercom]`; `.dlt/config.toml` gives the reason for each default."""

from dataclasses import dataclass, field


@dataclass
class SettingValues:
    """As configured: `overlap` in seconds, `sweep_every` in hours, `export_wait` in minutes, the budgets in calls."""

    access_token: str = field(repr=False)
    region: str = "us"
    api_version: str = "Preview"
    base_url: str | None = None
    rate_limit_share: float = 0.8
    overlap: int = 900
    max_shrink: float = 0.5
    sweep_every: float = 20
    sweep_budget: int = 5000
    parts_budget: int = 5000
    events_budget: int = 5000
    export_wait: float = 10
    include_segments: list[str] | None = None
    exclude_segments: list[str] | None = None
    exclude_columns: list[str] | None = None
    hash_columns: list[str] | None = None
    hash_key: str | None = field(default=None, repr=False)
    track_attributes: list[str] | None = None
    keep_bodies_for: str = ""
    resources: list[str] | None = None
    custom_objects: list[str] | None = None
    client_id: str = field(default="", repr=False)
