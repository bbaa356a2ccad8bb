"""Claims about durations and times on the command line."""

from datetime import timedelta

import pytest
import typer

from pipelines.cli.arguments import duration


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90s", timedelta(seconds=90)),
        ("10m", timedelta(minutes=10)),
        ("26h", timedelta(hours=26)),
        ("7d", timedelta(days=7)),
        ("2w", timedelta(weeks=2)),
        ("0m", timedelta()),
    ],
)
def test_a_number_and_a_unit_are_a_duration(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "7", "d", "-1d", "1.5h", "7 days", "1mo", "999999999w"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not a duration"):
        duration(text)
