"""The dlt source, put together from its resources."""

from .source import intercom

__all__ = ["intercom"]
