"""Resources of single contacts: what they belong to, and what was noted about them."""

from .form import CONTACTS, PEOPLE, Parent, Resource, text, time

CONTACT_COMPANIES = Resource(
    table="contact_companies",
    noun="company",
    group="Contacts",
    path="/contacts/{id}/companies",
    scope=PEOPLE,
    per_page=50,
    parent=Parent(CONTACTS, "contact_id", counted="companies.has_more", embedded="companies"),
    key=("company_id",),
    description="The companies of each contact.",
    columns={"company_id": text("The company.", sent="id")},
)
CONTACT_TAGS = Resource(
    table="contact_tags",
    noun="tag",
    group="Contacts",
    path="/contacts/{id}/tags",
    scope="Read tags",
    parent=Parent(CONTACTS, "contact_id", counted="tags.has_more", embedded="tags"),
    key=("tag_id",),
    description="The tags of each contact.",
    columns={"tag_id": text("The tag.", sent="id")},
)
CONTACT_NOTES = Resource(
    table="contact_notes",
    noun="note",
    group="Notes",
    path="/contacts/{id}/notes",
    scope=PEOPLE,
    per_page=50,
    parent=Parent(CONTACTS, "contact_id", counted="notes.total_count"),
    description="Notes about contacts. Removed contacts keep theirs; see is_deleted in contacts.",
    columns={
        "id": text("The note."),
        "body": text("Its text, as HTML."),
        "author_id": text("The teammate who wrote it.", sent="author.id"),
        "created_at": time("When it was written."),
    },
    personal=("body",),
    is_default=False,
)
RESOURCES = (CONTACT_COMPANIES, CONTACT_TAGS, CONTACT_NOTES)
