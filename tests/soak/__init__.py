"""What runs longer than a test may: `make soak`. Its short forms are tests/sandbox/test_life.py and
tests/pipelines/loading/test_kill.py."""
