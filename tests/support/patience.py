"""How long a test waits for a process, a server or a thread before it fails."""

HANG_SECONDS = 1200
"""What has not ended by then hangs: nothing takes a tenth of it, also on a slow machine that runs all tests at once."""
