"""Records of what happened: activities of teammates, phone calls, and their transcripts."""

from ..people import Json

FIRST_ADMIN = 991_000_000
KINDS = ("admin_login_success", "app_name_change", "admin_away_mode_change", "bulk_export")
SECONDS_OF_A_CALL = 90


def activity(number: int, at: int) -> Json:
    """What a teammate did."""
    kind, admin = KINDS[number % len(KINDS)], number % 8 + 1
    address = {"email": f"teammate{admin}@example.com", "ip": f"198.51.100.{number % 250}"}
    return {
        "id": f"{number:08x}-4b72-4dce-ad4f-77a786a2c136",
        "performed_by": {"type": "admin", "id": str(FIRST_ADMIN + admin), **address},
        "metadata": {"before": f"Name {number}", "after": f"Name {number + 1}"} if kind == KINDS[1] else None,
        "created_at": at,
        "activity_type": kind,
        "activity_description": f"Teammate {admin} did {kind}.",
    }


def call(number: int, contact_id: str, conversation_id: str | None, at: int) -> Json:
    """A phone call that is under way."""
    return {
        "type": "call",
        "id": str(number),
        "conversation_id": conversation_id,
        "admin_id": str(FIRST_ADMIN + number % 8 + 1),
        "contact_id": contact_id,
        "state": "in_progress",
        "initiated_at": at,
        "answered_at": at + 3,
        "ended_at": None,
        "created_at": at,
        "updated_at": at,
        "recording_url": None,
        "transcription_url": None,
        "call_type": "phone",
        "direction": "inbound" if number % 2 else "outbound",
        "ended_reason": None,
        "phone": f"+1555{number:07d}",
        "fin_recording_url": None,
        "fin_transcription_url": None,
    }


def ended(call_id: str, at: int) -> Json:
    """What a call has once it has ended."""
    address = f"https://api.example.com/calls/{call_id}"
    addresses = {"recording_url": f"{address}/recording", "transcription_url": f"{address}/transcript"}
    durations = {"duration": SECONDS_OF_A_CALL, "talk_time": SECONDS_OF_A_CALL - 5, "queue_time": 3, "hold_time": None}
    times = {"ended_at": at, "updated_at": at}
    return {"state": "completed", "ended_reason": "answered", **times, **addresses, **durations}


def transcript(call_id: str) -> list[Json]:
    """What was said in a call."""
    said = ("Hello, how can I help?", f"My question is {call_id}.")
    return [{"speaker": number, "start": 5 * number, "text": text} for number, text in enumerate(said)]
