"""Alerts: rules about what changed, and what they find after a sync."""

from .alerts import Alert, Present, alerts_of
from .rules import KEYS, Rule, rules_of

__all__ = ["KEYS", "Alert", "Present", "Rule", "alerts_of", "rules_of"]
