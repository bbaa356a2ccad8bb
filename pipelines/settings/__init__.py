"""Settings: what is configured, and where dlt may read it."""

from .monitoring import AlertSettings, MonitoringSettings
from .places import CONFIG, HOME_VARIABLE, IS_INSTALLED, ROOT, SECRETS, home
from .settings import (
    DEFAULT_WORKSPACE,
    DEMO_WORKSPACE,
    WarehouseSettings,
    alert_settings,
    chosen_resources,
    hashing,
    intercom_settings,
    monitoring_settings,
    sandbox_settings,
    use_project_config,
    warehouse_settings,
)

__all__ = [
    "CONFIG",
    "DEFAULT_WORKSPACE",
    "DEMO_WORKSPACE",
    "HOME_VARIABLE",
    "IS_INSTALLED",
    "ROOT",
    "SECRETS",
    "AlertSettings",
    "MonitoringSettings",
    "WarehouseSettings",
    "alert_settings",
    "chosen_resources",
    "hashing",
    "home",
    "intercom_settings",
    "monitoring_settings",
    "sandbox_settings",
    "use_project_config",
    "warehouse_settings",
]
