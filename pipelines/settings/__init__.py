"""Settings: what is configured, and where dlt may read it."""

from .monitoring import AlertSettings, MonitoringSettings
from .settings import (
    DEFAULT_WORKSPACE,
    DEMO_WORKSPACE,
    ROOT,
    WarehouseSettings,
    alert_settings,
    chosen_resources,
    intercom_settings,
    monitoring_settings,
    sandbox_settings,
    use_project_config,
    warehouse_settings,
)

__all__ = [
    "DEFAULT_WORKSPACE",
    "DEMO_WORKSPACE",
    "ROOT",
    "AlertSettings",
    "MonitoringSettings",
    "WarehouseSettings",
    "alert_settings",
    "chosen_resources",
    "intercom_settings",
    "monitoring_settings",
    "sandbox_settings",
    "use_project_config",
    "warehouse_settings",
]
