"""Which company is in which segment: scans of company segments, from the companies that a run reads."""

from .scanning import CompanyScans, company_changes_of, company_scans, company_scans_of

__all__ = ["CompanyScans", "company_changes_of", "company_scans", "company_scans_of"]
