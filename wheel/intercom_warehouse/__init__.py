"""The installed project: `from intercom_warehouse.sources.intercom import intercom` is the dlt source."""
