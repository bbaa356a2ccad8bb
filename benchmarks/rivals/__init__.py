"""Runners of other tools, each a process of its own. It imports nothing, because imports would count in their cost."""
