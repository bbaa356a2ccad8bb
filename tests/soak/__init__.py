"""Random tests that run longer than others may: `make soak`.

Their short forms are tests/sandbox/test_life.py and tests/pipelines/loading/test_kill.py.
"""
