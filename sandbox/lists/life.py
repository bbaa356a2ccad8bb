"""Random changes of a workspace's lists: records that are new, changed, and deleted."""

from collections.abc import Callable
from random import Random

from ..people import DAY_SECONDS, Json
from .workplace import Workplace

Change = Callable[[Workplace, Random, int], None]


def live_lists(place: Workplace, random: Random, now: int, changes: int) -> None:
    """As many changes, each of a random list. `now`: epoch seconds."""
    for _ in range(changes):
        random.choice(_CHANGES)(place, random, now)


def _new_article(place: Workplace, random: Random, now: int) -> None:
    place.add_article(1_000_000 + random.randrange(1_000_000), now)


def _edited_article(place: Workplace, random: Random, now: int) -> None:
    if articles := place["articles"].of():
        article = articles[random.choice(sorted(articles))]
        article |= {"title": f"Article {random.randrange(10_000)}", "updated_at": now}


def _deleted_article(place: Workplace, random: Random, now: int) -> None:
    _delete(place, "articles", random)


def _new_admin(place: Workplace, random: Random, now: int) -> None:
    place.add_admin(100 + random.randrange(1_000))


def _away_admin(place: Workplace, random: Random, now: int) -> None:
    admins = place["admins"].of()
    if admins:
        admin = admins[random.choice(sorted(admins))]
        admin["away_mode_enabled"] = not admin["away_mode_enabled"]


def _deleted_admin(place: Workplace, random: Random, now: int) -> None:
    if len(place["admins"].of()) > 5:
        _delete(place, "admins", random)


def _tag(place: Workplace, random: Random, now: int) -> None:
    number = random.randrange(900)
    place["tags"].put({"type": "tag", "id": f"t{number}", "name": f"Tag {random.randrange(50)}"})


def _deleted_tag(place: Workplace, random: Random, now: int) -> None:
    if made := [one for one in place["tags"].of() if one.startswith("t")]:
        place["tags"].remove(random.choice(made))


def _new_company(place: Workplace, random: Random, now: int) -> None:
    place.add_company(10_000_000 + random.randrange(1_000_000), now)


def _changed_company(place: Workplace, random: Random, now: int) -> None:
    if companies := place["companies"].of():
        chosen = companies[random.choice(list(companies))]
        other = place["companies"].of()[random.choice(list(companies))]
        moved: Json = {"segments": other["segments"], "tags": other["tags"], "name": f"Company {random.random()}"}
        chosen |= {**moved, "updated_at": now}


def _noted_company(place: Workplace, random: Random, now: int) -> None:
    if companies := place["companies"].of():
        place.add_note(random.choice(list(companies)), random.randrange(10**9), now)


def _moved_company(place: Workplace, random: Random, now: int) -> None:
    if companies := place["companies"].of():
        segments = sorted(place.company_segments)
        chosen = random.choice(list(companies))
        place.move_company(chosen, *random.sample(segments, min(len(segments), random.randrange(3))))
        companies[chosen]["updated_at"] = now


def _edited_company_segment(place: Workplace, random: Random, now: int) -> None:
    if place.company_segments:
        place.edit_company_segment(random.choice(sorted(place.company_segments)), now)


def _deleted_company(place: Workplace, random: Random, now: int) -> None:
    if companies := place["companies"].of():
        place.delete_company(random.choice(list(companies)))


def _activity(place: Workplace, random: Random, now: int) -> None:
    place.add_activity(100_000 + random.randrange(10**8), now)


def _new_call(place: Workplace, random: Random, now: int) -> None:
    place.add_call(100_000 + random.randrange(10**6), now)


def _ended_call(place: Workplace, random: Random, now: int) -> None:
    if going := [key for key, one in place["calls"].of().items() if one["ended_at"] is None]:
        place.end_call(random.choice(going), now)


def _message(place: Workplace, random: Random, now: int) -> None:
    place.exports.send(100_000 + random.randrange(10**6), f"{random.randrange(40):024x}", now)


def _opened_message(place: Workplace, random: Random, now: int) -> None:
    """Only while it is exported again: later changes are not seen."""
    sent = [one for one in place.exports.receipts.values() if one["received_at"] > now - 20 * DAY_SECONDS]
    if sent:
        random.choice(sent)["first_open"] = now


def _delete(place: Workplace, name: str, random: Random) -> None:
    if records := place[name].of():
        place[name].remove(random.choice(list(records)))


_CHANGES: tuple[Change, ...] = (
    *(_new_article, _edited_article, _edited_article, _deleted_article),
    *(_new_admin, _away_admin, _deleted_admin, _tag, _deleted_tag),
    *(_new_company, _changed_company, _changed_company, _noted_company, _deleted_company),
    *(_moved_company, _moved_company, _edited_company_segment),
    *(_activity, _new_call, _ended_call, _message, _opened_message),
)
