"""An archived warehouse of each release, created by `python -m tests.releases.make`. Later releases must open it."""
