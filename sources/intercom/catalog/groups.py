"""What of the API reference is loaded by other means than a list of the catalogue, and what cannot be listed."""

from collections.abc import Mapping

ELSEWHERE: Mapping[str, str] = {
    "Contacts": "`contacts`, `contact_removals`, `contact_activities` and `contact_attribute_changes`: always read, by "
    "search and by the activity feed. `contact_subscriptions` is a view on `contacts`.",
    "Segments": "`segments`, `segment_scans` and `membership_changes`: always read.",
    "Data Attributes": "`data_attributes`: read with contacts that changed, and once in `sweep_every`.",
    "Ticket Type Attributes": "`ticket_type_attributes`: they come with `ticket_types`.",
}
"""Groups that are loaded by other means, and where they are."""
NOT_LISTED: Mapping[str, str] = {
    "Banners": "A call for a contact's banners records an impression of each, so it is never made.",
    "Conversation Participants": "They can only be written.",
    "Ecommerce Connectors": "They can only be written.",
    "Fin Agent": "Conversations with Fin are started here, and none is listed.",
    "IP Allowlist": "It is a security setting, and never read.",
    "Identity Verification Secrets": "They are secrets, and never read.",
    "Jobs": "The state of a single job, by its id.",
    "Messages": "Messages can only be sent. What became of them is in the data export.",
    "Procedures": "Single runs of a procedure, by their ids.",
    "Switch": "Calls can only be sent on to the Messenger.",
    "Visitors": "Intercom finds single visitors only. Once they write, they are contacts with the role lead.",
    "WhatsApp": "The state of single messages, by ids that come from elsewhere.",
    "Workflows": "Single workflows, by ids that Intercom does not list.",
}
"""Groups of which nothing, or nothing more, is loaded, and why."""
