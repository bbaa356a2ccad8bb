"""The steps of a run, as it tells them while it goes."""

from typing import Self


class Step(str):
    """A step in words for people and, for programs, under a name that stays and with figures."""

    event: str
    figures: dict[str, int]

    def __new__(cls, words: str, event: str, **figures: int) -> Self:
        """The words are the string itself, so whoever wants no more takes it for one."""
        step = super().__new__(cls, words)
        step.event, step.figures = event, figures
        return step
