"""What runs longer than a test may: `make soak`. Its short forms are tests/test_life.py and tests/test_kill.py."""
