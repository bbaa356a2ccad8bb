"""Which contact has which tag: sweeps of tags, by the same search and the same evidence as segments."""

from .scanning import TagScans, planned_tags, tag_changes_of, tag_scans, tag_scans_of

__all__ = ["TagScans", "planned_tags", "tag_changes_of", "tag_scans", "tag_scans_of"]
