"""The scenarios, one function each, in the order in which they run."""

from collections.abc import Callable, Mapping

from ..report import Row
from .bench import Bench
from .growth import growth
from .lists import lists
from .memory import conversations_memory, memory
from .models import models
from .plain import plain
from .quota import conversations, quota, two
from .tap import tap
from .throughput import throughput, unchanged

Scenario = Callable[[Bench], list[Row]]

SCENARIOS: Mapping[str, Scenario] = {
    scenario.__name__: scenario
    for scenario in (
        *(tap, quota, two, memory, models, growth, lists, conversations, conversations_memory),
        *(throughput, plain, unchanged),
    )
}
"""The last three share one large workspace, which is served until the end."""

__all__ = ["SCENARIOS", "Bench", "Scenario"]
