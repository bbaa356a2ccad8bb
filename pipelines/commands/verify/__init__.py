"""`verify`: compares random contacts' segments in Intercom with the warehouse."""

from .verify import DEFAULT_SAMPLE, Difference, Verification, Verify, a_seed

__all__ = ["DEFAULT_SAMPLE", "Difference", "Verification", "Verify", "a_seed"]
