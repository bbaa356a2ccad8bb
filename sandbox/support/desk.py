"""What can happen in conversations and tickets."""

from collections.abc import Mapping

from ..people import DAY_SECONDS, Contact, Json
from .collected import Records
from .records import ADMINS, TEAMS, admin, conversation, linked, part, person, reference, state, tag, tag_names, ticket

PAST_DAYS = 400


class Desk(Records):
    """Conversations and tickets that are made up, and whose changes are known. The same seed gives the same ones."""

    def __init__(
        self, *, seed: int, now: int, contacts: Mapping[str, Contact], conversations: int = 0, tickets: int = 0
    ) -> None:
        super().__init__(seed=seed, contacts=contacts)
        began = sorted(now - self._random.randrange(DAY_SECONDS, PAST_DAYS * DAY_SECONDS) for _ in range(conversations))
        for at in began:
            self._made_up(at, now)
        for number in range(tickets):
            self.submit(self.any_contact(), now - (tickets - number) * DAY_SECONDS // 4)

    def start(self, contact_id: str, at: int, *, by_admin: bool = False) -> str:
        """A contact, or a teammate, starts a conversation; returns its id."""
        number, contact = self._next("conversation"), self._contacts[contact_id]
        author = admin(self._random.choice(ADMINS)) if by_admin else person(contact)
        started = conversation(number, contact, author, at)
        self.conversations[started["id"]], self.parts[started["id"]] = started, []
        self._found.clear()
        return str(started["id"])

    def reply(self, conversation_id: str, at: int) -> None:
        """A contact of the conversation writes, which opens a closed one again."""
        here = self.conversations[conversation_id]
        contact = self._contacts.get(here["contacts"]["contacts"][0]["id"])
        author = person(contact) if contact else {**here["source"]["author"]}
        kind = "comment" if here["open"] else "open"
        self._add(conversation_id, kind, author, at, body=f"<p>Reply at {at}</p>")
        first = here["first_contact_reply"] or {"created_at": at, "type": here["source"]["type"], "url": None}
        self._change(here, at, state="open", open=True, waiting_since=here["waiting_since"] or at, snoozed_until=None)
        here["first_contact_reply"] = first

    def answer(self, conversation_id: str, at: int, admin_id: str = "") -> None:
        """A teammate writes."""
        here, author = self.conversations[conversation_id], admin(admin_id or self._random.choice(ADMINS))
        self._add(conversation_id, "comment", author, at, body=f"<p>Answer at {at}</p>")
        known = (here["teammates"] or {"teammates": []})["teammates"]
        there = {one["id"]: one for one in [*known, {"type": "admin", "id": author["id"]}]}
        self._change(here, at, waiting_since=None, teammates={"type": "admin.list", "teammates": list(there.values())})

    def note(self, conversation_id: str, at: int) -> None:
        """A teammate writes a note that the contact does not see."""
        self._add(conversation_id, "note", admin(self._random.choice(ADMINS)), at, body=f"<p>Note at {at}</p>")
        self._change(self.conversations[conversation_id], at)

    def assign(self, conversation_id: str, at: int, admin_id: str = "") -> None:
        """The conversation gets a teammate and a team."""
        admin_id, team_id = admin_id or self._random.choice(ADMINS), self._random.choice(TEAMS)
        assigned = {"type": "admin", "id": admin_id}
        self._add(conversation_id, "assignment", admin(self._random.choice(ADMINS)), at, assigned_to=assigned)
        here = self.conversations[conversation_id]
        self._change(here, at, admin_assignee_id=int(admin_id), team_assignee_id=int(team_id))

    def close(self, conversation_id: str, at: int, admin_id: str = "") -> None:
        """A teammate closes the conversation."""
        self._add(conversation_id, "close", admin(admin_id or self._random.choice(ADMINS)), at)
        self._change(self.conversations[conversation_id], at, state="closed", open=False, waiting_since=None, read=True)

    def snooze(self, conversation_id: str, at: int) -> None:
        """A teammate postpones the conversation by a day."""
        self._add(conversation_id, "snoozed", admin(self._random.choice(ADMINS)), at)
        until = at + DAY_SECONDS
        self._change(self.conversations[conversation_id], at, state="snoozed", open=True, snoozed_until=until)

    def rate(self, conversation_id: str, rating: int, at: int, *, silently: bool = False) -> None:
        """The contact rates the conversation; silently without an update of it."""
        here = self.conversations[conversation_id]
        contact = here["contacts"]["contacts"][0]
        rated = {"rating": rating, "remark": f"Remark {at}", "created_at": at, "updated_at": at, "contact": contact}
        here["conversation_rating"] = {**rated, "teammate": {"type": "admin", "id": ADMINS[0]}}
        self._change(here, at, silently=silently)

    def tag(self, conversation_id: str, at: int, *, silently: bool = False) -> None:
        """A teammate adds a tag, or removes it."""
        here, name = self.conversations[conversation_id], self._random.choice(tag_names())
        known = {one["name"]: one for one in here["tags"]["tags"]}
        tags = {**known, name: tag(name, at, ADMINS[0])}
        if name in known:
            del tags[name]
        here["tags"] = {"type": "tag.list", "tags": list(tags.values())}
        self._change(here, at, silently=silently)

    def add_person(self, conversation_id: str, at: int) -> None:
        """Another contact joins the conversation."""
        here, contact = self.conversations[conversation_id], self._contacts[self.any_contact()]
        known = {one["id"]: one for one in here["contacts"]["contacts"]}
        here["contacts"] = {**here["contacts"], "contacts": list({**known, contact.id: reference(contact)}.values())}
        self._change(here, at)

    def settle(self, conversation_id: str) -> None:
        """Intercom decides about service levels and attributes later, without an update."""
        here = self.conversations[conversation_id]
        here["sla_applied"] = here["sla_applied"] and {**here["sla_applied"], "sla_status": "missed"}
        scored = {**here["custom_attributes"], "Score": self._random.randrange(5)}
        self._change(here, 0, silently=True, custom_attributes=scored)

    def link(self, conversation_id: str, ticket_id: str, at: int) -> None:
        """Links a conversation with a ticket."""
        ends = (self.conversations[conversation_id], "ticket", ticket_id), (self.tickets[ticket_id], "conversation", "")
        for record, kind, other in ends:
            link = {"type": kind, "id": other or conversation_id, "category": "Customer" if other else None}
            known = {one["id"]: one for one in record["linked_objects"]["data"]}
            record["linked_objects"] = linked({**known, link["id"]: link}.values())
            self._change(record, at)

    def delete(self, conversation_id: str, at: int) -> None:
        """Deletes a conversation with its parts."""
        del self.conversations[conversation_id], self.parts[conversation_id]
        self.deleted[conversation_id] = at
        self._found.clear()

    def submit(self, contact_id: str, at: int) -> str:
        """A contact submits a ticket; returns its id."""
        made = ticket(self._next("ticket"), self._contacts[contact_id], at)
        self.tickets[made["id"]], self.parts[made["id"]] = made, []
        self.move(made["id"], "in_progress", at)
        return str(made["id"])

    def move(self, ticket_id: str, category: str, at: int) -> None:
        """A teammate takes a ticket and gives it another state."""
        here, admin_id = self.tickets[ticket_id], self._random.choice(ADMINS)
        before = here["ticket_state"]
        states = {"ticket_state": category, "previous_ticket_state": before["category"]}
        moved = part(self._next("part"), "ticket_state_updated_by_admin", admin(admin_id), at)
        self.parts[ticket_id].append(_of_ticket(moved) | states)
        there = category != "resolved"
        self._change(
            here, at, ticket_state=state(category), open=there, admin_assignee_id=int(admin_id) if there else 0
        )
        here["previous_ticket_state_id"] = before["id"]

    def comment(self, ticket_id: str, at: int) -> None:
        """A teammate writes about a ticket, and changes one of its attributes."""
        here = self.tickets[ticket_id]
        said = part(self._next("part"), "comment", admin(ADMINS[0]), at, body=f"<p>About {at}</p>")
        category = here["ticket_state"]["category"]
        self.parts[ticket_id].append(_of_ticket(said) | {"ticket_state": category, "previous_ticket_state": category})
        self._change(here, at, ticket_attributes={**here["ticket_attributes"], "Progress": at % 100})

    def delete_ticket(self, ticket_id: str) -> None:
        """Deletes a ticket. No list reports that."""
        del self.tickets[ticket_id], self.parts[ticket_id]
        self._found.clear()

    def _add(
        self, conversation_id: str, kind: str, author: Json, at: int, *, body: str | None = None, **fields: Json
    ) -> None:
        self.parts[conversation_id].append(part(self._next("part"), kind, author, at, body=body, **fields))

    def _made_up(self, at: int, now: int) -> None:
        """A conversation of the past: some six parts, most of them closed in the end."""
        here = self.start(self.any_contact(), at, by_admin=self._random.random() < 0.2)
        for kind in self._random.choices(("reply", "answer", "note", "assign"), k=self._random.randrange(1, 10)):
            at = min(at + self._random.randrange(30, 20_000), now)
            getattr(self, kind)(here, at)
        if self._random.random() < 0.8:
            self.close(here, at := min(at + 600, now))
        if self._random.random() < 0.3:
            self.rate(here, self._random.randrange(1, 6), at)
        if self._random.random() < 0.2:
            self.tag(here, at)


def _of_ticket(made: Json) -> Json:
    """A part as tickets have it."""
    return {name: value for name, value in made.items() if name != "notified_at"} | {"type": "ticket_part"}
