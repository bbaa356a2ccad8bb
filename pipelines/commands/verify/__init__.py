"""`verify`: compares the segments of random contacts in Intercom with the warehouse."""

from .verify import Difference, Verification, Verify, random_seed

__all__ = ["Difference", "Verification", "Verify", "random_seed"]
