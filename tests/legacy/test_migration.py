"""The four phases of docs/migration.md, walked on one data directory: an old client beside a new one on one session."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from websockets.exceptions import InvalidStatus

from tests.e2e.followers import Following, by_httpx_sse, following
from tests.legacy.old_client import Message, OldClient, old_client
from tests.servers import Place, history, new_session

SETTINGS = {
    "add": {"TOWPATH_LEGACY": "bridge"},
    "migrate": {"TOWPATH_LEGACY": "bridge", "TOWPATH_LEGACY_SUNSET": "2027-03-01"},
    "deprecate": {"TOWPATH_LEGACY": "redirect", "TOWPATH_LEGACY_SUNSET": "2027-03-01"},
    "remove": {"TOWPATH_LEGACY": "off"},
}
SUNSET = "Mon, 01 Mar 2027 00:00:00 GMT"


@contextmanager
def phase(place: Place, name: str) -> Iterator[httpx.Client]:
    """Run the server in a phase: that is a setting and a restart; what clients follow stays where it is."""
    place.environment |= SETTINGS[name]
    with place.serving(), place.client() as owner:
        yield owner


def old_turn(place: Place, session_id: str, command: str) -> list[Message]:
    """Hand a prompt in by the old protocol; return the session's events as the old client saw them."""
    with old_client(place) as client:
        client.say("subscribe", sessionId=session_id)
        client.until_type("subscribed")
        client.say("prompt", sessionId=session_id, command=command)
        client.until(lambda message: message.get("status") == "idle")
        return client.events(session_id)


def turned_away(place: Place) -> OldClient:
    with old_client(place) as client:
        assert client.closed() == 4308
        return client


def uses(owner: httpx.Client) -> float:
    found = re.search(r'towpath_legacy_uses_total{client="python",use="chat"} (\S+)', owner.get("/metrics").text)
    return float(found[1]) if found else 0


async def both(place: Place, session_id: str, new: Following, text: str) -> list[Message]:
    """Have the old client say something; return what it saw once the new one has seen the end of it too."""
    seen = await anyio.to_thread.run_sync(old_turn, place, session_id, f"echo {text}")
    await new.until_type("turn-completed")
    return seen


def check_notice(owner: httpx.Client, notice: Message, session_id: str) -> None:
    """Go where the notice says."""
    assert notice["type"] == "deprecation"
    assert owner.get(notice["successor"]).json()["sessions"][0]["sessionId"] == session_id
    stream = owner.get(notice["events"].format(sessionId=session_id), params={"after": "0", "follow": "false"})
    assert stream.status_code == 200


def check_gone(owner: httpx.Client, place: Place) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        turned_away(place)
    response = refusal.value.response
    assert (response.status_code, json.loads(response.body or b"")["code"]) == (410, "gone")
    assert response.headers["deprecation"].startswith("@")
    gone = owner.get("/claude/api/claude/sessions")
    assert (gone.status_code, gone.json()["code"]) == (410, "gone")
    assert gone.headers["link"] == '</api/sessions>; rel="successor-version"'


async def test_the_four_phases(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with phase(place, "add") as owner:
        session_id = new_session(owner)
    url = f"{place.url}/api/session/{session_id}/events?after=0"

    with anyio.fail_after(60):
        async with following(by_httpx_sse, url, place.token) as new:  # comes back by itself after each restart
            with phase(place, "add") as owner:
                seen = await both(place, session_id, new, "added")
                assert uses(owner) == 1

            with phase(place, "migrate") as owner:
                moved = owner.get("/claude/api/claude/sessions")
                assert (moved.status_code, moved.headers["location"]) == (308, "/api/sessions")
                assert moved.headers["sunset"] == SUNSET
                seen += await both(place, session_id, new, "migrated")

            with phase(place, "deprecate") as owner:
                away = await anyio.to_thread.run_sync(turned_away, place)
                assert len(away.seen) == 1
                check_notice(owner, away.seen[0], session_id)
                assert uses(owner) == 1

            with phase(place, "migrate"):  # and back, for somebody who was forgotten
                seen += await both(place, session_id, new, "back")

            with phase(place, "remove") as owner:
                await anyio.to_thread.run_sync(check_gone, owner, place)
                recorded = history(owner, session_id)
                await new.until(lambda frame: frame.data.get("seq") == recorded[-1]["seq"])

    assert new.events == recorded
    by_seq = {event["seq"]: event for event in recorded}
    assert all(by_seq[event["seq"]] == event for event in seen)
    assert "".join(event["content"] for event in seen if event["type"] == "session-output") == "added\nmigrated\nback\n"


async def test_a_request_that_is_sent_on_keeps_its_method_its_body_and_its_query(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client(follow_redirects=True) as owner:
        made = owner.post("/claude/api/claude/sessions", json={"mode": "shell", "title": "from an old client"})
        assert made.status_code == 201, made.text

        listed = owner.get("/claude/api/claude/sessions?limit=1&mode=shell").json()

    assert [session["title"] for session in listed["sessions"]] == ["from an old client"]
