"""Faults on request: failures that Intercom, its load balancer and the network are known to have.

Each fault hits a chosen endpoint or page, a chosen call, a share of all calls, or all calls for a time.
"""

from .faults import Faults
from .kinds import ALL_KINDS, ConnectionDropped, ConnectionFault, Kind, ResponseFault

__all__ = ["ALL_KINDS", "ConnectionDropped", "ConnectionFault", "Faults", "Kind", "ResponseFault"]
