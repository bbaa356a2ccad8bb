"""Claims about intercom-warehouse, each a test."""
