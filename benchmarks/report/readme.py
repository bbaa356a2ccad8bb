"""Writes the last table into benchmarks/README.md."""

import os
import platform
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pendulum

from .rows import Missing, Row
from .table import FULL, as_markdown

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- begin of the last table -->", "<!-- end of the last table -->"


def write_readme(rows: Iterable[Row | Missing]) -> None:
    """Replaces the table in the README."""
    section = f"{machine(pendulum.now('UTC').date())}\n\n{as_markdown(rows, FULL)}"
    README.write_text(replaced(README.read_text(), section))


def replaced(text: str, section: str) -> str:
    """The text with a new section between the markers."""
    marked = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.DOTALL)
    return marked.sub(lambda found: f"{found[1]}{section}\n{found[2]}", text)


def machine(today: date) -> str:
    """The date and the machine of the measurement."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return (
        f"Measured on {today:%Y-%m-%d} on {os.cpu_count()} cores ({platform.machine()}), {gigabytes:.0f} GB of memory, "
        f"{platform.system()}, Python {platform.python_version()}; sandbox and sync share the cores."
    )
