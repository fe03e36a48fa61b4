"""The demo, as a newcomer sees it."""

from collections.abc import Iterator

import httpx
import pytest

from tests.servers import Place, history, new_session, prompt, run_prompt


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="module")
def client(place: Place) -> Iterator[httpx.Client]:
    with place.serving(), place.client() as client:
        yield client


def test_the_demo_shows_one_of_everything(place: Place, client: httpx.Client) -> None:
    with place.spawn("demo") as process:
        assert process.stderr
        shown = ""
        while "answer at" not in shown:
            line = process.stderr.readline()
            assert line, shown
            shown += line
        sessions = client.get("/api/sessions").json()["sessions"]
        (session,) = (each for each in sessions if each["workingDir"].endswith("/towpath-demo"))
        path = f"/api/session/{session['sessionId']}"
        (question,) = client.get(f"{path}/approvals").json()["approvals"]
        answer = client.post(f"{path}/approvals/{question['approvalId']}", json={"approved": True})
        assert answer.status_code == 200
        out, err = process.communicate(timeout=30)
    events = history(client, session["sessionId"])
    made = place.root / "towpath-demo" / "towpath-demo.sh"
    context = client.get(f"{path}/context").json()

    assert process.returncode == 0
    assert "I am **scripted**" in out
    assert "step 3 of 3" in err
    assert session["mode"] == "demo"
    assert session["workingDir"] == str(made.parent)
    assert made.exists()
    kinds = {event["type"] for event in events}
    assert kinds >= {
        "agent-thought",
        "agent-message",
        "plan-updated",
        "tool-call",
        "approval-request",
        "approval-confirmed",
        "operations-executed",
        "usage-updated",
    }
    assert {event["kind"] for event in events if "kind" in event and event["type"] == "tool-call"} >= {
        "read",
        "edit",
        "execute",
    }
    assert context["window"]["size"] == 16_000


def test_the_demo_plays_what_it_is_told_and_comes_back_from_each(client: httpx.Client) -> None:
    session = new_session(client, mode="demo")
    for said in ("error", "big", "crash", "help"):
        run_prompt(client, session, said)
    turn = prompt(client, session, "slow")
    client.post(f"/api/session/{session}/cancel", json={"turnId": turn})
    run_prompt(client, session, "help")
    events = history(client, session)

    reasons = [event["stopReason"] for event in events if event["type"] == "turn-completed"]
    assert reasons == ["error", "end", "error", "end", "cancelled", "end"]
    assert "the last words on stderr" in "".join(event.get("error", "") for event in events)
