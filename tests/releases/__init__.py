"""A warehouse of each release, which every later one has to open; made by `python -m tests.releases.make`."""
