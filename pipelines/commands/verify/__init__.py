"""`verify`: compares the segments of random contacts in Intercom with the warehouse."""

from .verify import DEFAULT_SAMPLE, Difference, Verification, Verify, random_seed

__all__ = ["DEFAULT_SAMPLE", "Difference", "Verification", "Verify", "random_seed"]
