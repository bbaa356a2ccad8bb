"""Resources around companies, tags, and what people can subscribe to."""

from .form import PEOPLE, Nested, Parent, Resource, Search, integer, json, number, text, time

TAGS = Resource(
    table="tags",
    noun="tag",
    group="Tags",
    path="/tags",
    lookup="/tags/{id}",
    scope="Read tags",
    description="The workspace's tags.",
    columns={"id": text("The tag."), "name": text("Its name.")},
)
SUBSCRIPTION_TYPES = Resource(
    table="subscription_types",
    noun="subscription type",
    group="Subscription Types",
    path="/subscription_types",
    scope=PEOPLE,
    description="What contacts can subscribe to. Archived types stay in Intercom's list.",
    columns={
        "id": text("The type."),
        "state": text("`live`, `draft` or `archived`."),
        "consent_type": text("`opt_in`, or `opt_out`."),
        "name": text("Its name in its first language.", sent="default_translation.name"),
        "default_translation": json("Its texts in its first language."),
        "content_types": json("The kinds of messages that it is for."),
    },
    nested=(
        Nested(
            table="subscription_type_translations",
            within="translations",
            key=("locale",),
            description="The texts of each subscription type, by language.",
            columns={
                "locale": text("The language."),
                "name": text("The name."),
                "description": text("The description."),
            },
        ),
    ),
)
COMPANIES = Resource(
    table="companies",
    noun="company",
    group="Companies",
    path="/companies/scroll",
    lookup="/companies/{id}",
    scope=PEOPLE,
    scrolls=True,
    search=Search("/companies/search", since="Preview"),
    description="The workspace's companies. Intercom lists none without people.",
    columns={
        "id": text("The company."),
        "external_id": text("Its id in your own systems.", sent="company_id"),
        "name": text("Its name."),
        "plan_id": text("The id of its plan.", sent="plan.id"),
        "plan_name": text("Its plan.", sent="plan.name"),
        "size": integer("How many people it employs."),
        "industry": text("Its industry."),
        "website": text("Its website."),
        "monthly_spend": number("What it pays in a month."),
        "session_count": integer("How many sessions its people have had."),
        "user_count": integer("How many people Intercom knows of it."),
        "external_created_at": time("When it was created in your own systems.", sent="remote_created_at"),
        "last_request_at": time("When one of its people was last seen."),
        "created_at": time("When it was created in Intercom."),
        "updated_at": time("When it was last changed."),
        "plan": json("Its plan, as sent."),
        "custom_attributes": json("Its custom attributes."),
        "notes": json("How many notes it has, and the first of them."),
    },
    personal=("website", "custom_attributes", "notes"),
    nested=(
        Nested(
            table="company_tags",
            within="tags.tags",
            key=("tag_id",),
            description="The tags of each company.",
            columns={"tag_id": text("The tag.", sent="id"), "tag_name": text("Its name.", sent="name")},
        ),
        Nested(
            table="company_segments",
            within="segments.segments",
            key=("segment_id",),
            has_history=True,
            description="The segments that each company is in now. Since when: company_segment_memberships.",
            columns={
                "segment_id": text("The segment.", sent="id"),
                "segment_name": text("Its name.", sent="name"),
                "segment_created_at": time("When the segment was created.", sent="created_at"),
                "segment_updated_at": time("When the segment was last edited.", sent="updated_at"),
            },
        ),
    ),
)
SEGMENTS_OF_A_COMPANY = Resource(
    table="company_segments",
    noun="segment",
    group="Companies",
    path="/companies/{id}/segments",
    scope=PEOPLE,
    parent=Parent("companies", "company_id"),
    description="The segments of one company.",
    columns={"id": text("The segment.")},
)
"""Fills no table: it is asked again whether a company is out of a segment."""
COMPANIES_OF_A_SEGMENT = Resource(
    table="company_segments",
    noun="company",
    group="Companies",
    path="/companies",
    scope=PEOPLE,
    asked={"segment_id": "{id}"},
    per_page=60,
    parent=Parent("company_segments", "segment_id"),
    description="The companies of one segment.",
    columns={"id": text("The company.")},
)
"""Fills no table: it is asked instead where a segment lost many companies."""
COMPANY_NOTES = Resource(
    table="company_notes",
    noun="note",
    group="Notes",
    path="/companies/{id}/notes",
    since="2.15",
    scope=PEOPLE,
    per_page=50,
    parent=Parent("companies", "company_id", counted="notes.total_count"),
    description="Notes about companies.",
    columns={
        "id": text("The note."),
        "body": text("Its text, as HTML."),
        "author_id": text("The teammate who wrote it.", sent="author.id"),
        "created_at": time("When it was written."),
    },
    personal=("body",),
    is_default=False,
)
RESOURCES = (TAGS, SUBSCRIPTION_TYPES, COMPANIES, COMPANY_NOTES)
