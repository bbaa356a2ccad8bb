"""Settings: what is configured, and where dlt may read it."""

from .settings import (
    DEFAULT_WORKSPACE,
    DEMO_WORKSPACE,
    ROOT,
    WarehouseSettings,
    chosen_resources,
    intercom_settings,
    sandbox_settings,
    use_project_config,
    warehouse_settings,
)

__all__ = [
    "DEFAULT_WORKSPACE",
    "DEMO_WORKSPACE",
    "ROOT",
    "WarehouseSettings",
    "chosen_resources",
    "intercom_settings",
    "sandbox_settings",
    "use_project_config",
    "warehouse_settings",
]
