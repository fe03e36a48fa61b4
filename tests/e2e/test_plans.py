"""Plans with a real server, real files, and kill -9."""

from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import Any

import httpx
import pytest

from tests.files.stage import contents, look
from tests.servers import Place, history, new_session

ANSWER = """I renamed it and fixed the greeting.

<edit path="greet.py"><search>    print("hello")
</search><replace>    print("hello, world")
</replace></edit>
<write path="tests/test_greet.py">
assert True
</write>
<rename from="notes.txt" to="docs/notes.md"/>
<delete path="old.bin"/>
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    (place.root / "greet.py").write_bytes(b'def greet():\r\n    print("hello")\r\n')
    (place.root / "greet.py").chmod(0o755)
    (place.root / "notes.txt").write_bytes("größe\n".encode())
    (place.root / "old.bin").write_bytes(b"\0\xff")
    return place


def ask(client: httpx.Client, session_id: str, what: str, status: int = 200, **body: Any) -> Any:
    answer = client.post(f"/api/session/{session_id}/operations/{what}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def types(client: httpx.Client, session_id: str) -> list[str]:
    return [event["type"] for event in history(client, session_id) if event["type"].startswith("operations")]


def test_a_plan_is_shown_carried_out_and_undone_byte_for_byte_across_restarts(place: Place) -> None:
    before = look(place.root)
    with place.serving() as server, place.client() as client:
        session_id = new_session(client)
        preview = ask(client, session_id, "preview", response=ANSWER)
        plan_id = preview["planId"]
        assert [one["applies"] for one in preview["operations"]] == [True] * 4
        assert preview["operations"][0]["diff"] == (
            '--- a/greet.py\n+++ b/greet.py\n@@ -1,2 +1,2 @@\n def greet():\r\n-    print("hello")\r\n'
            '+    print("hello, world")\r\n'
        )
        assert preview["operations"][3]["noDiff"] == "binary"
        assert look(place.root) == before
        server.kill()
    with place.serving() as server, place.client() as client:
        done = ask(client, session_id, "execute", planId=plan_id)
        assert done["executed"] == 4
        after = look(place.root)
        assert after["greet.py"] == ("-", 0o755, b'def greet():\r\n    print("hello, world")\r\n')
        assert after.keys() == {
            "greet.py", "tests", "tests/test_greet.py", "docs", "docs/notes.md"
        }  # fmt: skip
        assert ask(client, session_id, "execute", 409, planId=plan_id)["code"] == "plan-over"
        server.kill()
    with place.serving(), place.client() as client:
        (plan,) = client.get(f"/api/session/{session_id}/plans").json()["plans"]
        assert (plan["planId"], plan["state"], plan["count"]) == (plan_id, "executed", 4)
        (place.root / "greet.py").write_bytes(b"mine")
        refused = ask(client, session_id, "revert", 409, planId=plan_id)
        assert (refused["code"], refused["member"], refused["planId"]) == (
            "plan-conflict", "$.operations[0]", plan_id
        )  # fmt: skip
        (place.root / "greet.py").write_bytes(after["greet.py"][2])
        ask(client, session_id, "revert", planId=plan_id)
        assert look(place.root) == before
        assert types(client, session_id) == [
            "operations-detected", "operations-executed", "operations-error", "operations-reverted"
        ]  # fmt: skip
        client.delete(f"/api/session/{session_id}")
    assert list((place.data / "plans").iterdir()) == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("../outside", 403, "path-outside-workspace"),
        ("/etc/passwd", 403, "path-outside-workspace"),
        ("%2e%2e/outside", 422, "invalid-path"),
        ("a\nb", 400, "invalid-body"),
        ("link/passwd", 409, "plan-conflict"),
        ("n" * 4097, 400, "invalid-body"),
        ("n" * 256, 422, "invalid-path"),
        ("n/" * 2000 + "n", 422, "invalid-path"),
        (".git/hooks/pre-commit", 422, "invalid-path"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_path_leads_out_and_nothing_is_written(
    served: tuple[Place, httpx.Client, str], path: str, status: int, code: str
) -> None:
    place, client, session_id = served
    before = look(place.root)
    events = history(client, session_id)

    problem = ask(
        client,
        session_id,
        "execute",
        status,
        operations=[
            {"type": "write", "path": "fine", "content": ""},
            {"type": "write", "path": path, "content": "x"},
        ],
    )

    assert problem["code"] == code
    assert "operations[1]" in problem["member"]
    assert look(place.root) == before
    assert history(client, session_id) == events


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    place = Place(tmp_path_factory.mktemp("served"))
    (place.root / "link").symlink_to("/etc")
    with place.serving(), place.client() as client:
        yield place, client, new_session(client)


KILLS = 3
FILES = 60


def test_killed_in_the_middle_the_server_says_afterwards_what_the_files_say(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in range(FILES):
        (place.root / f"{number}").write_bytes(b"old\n")
    answer = "".join(
        f'<write path="{number}">\nnew\n</write>\n<write path="d/{number}">\nnew\n</write>\n' for number in range(FILES)
    )
    before = look(place.root)
    outcomes = []
    for kill in range(KILLS):
        with place.serving() as server, place.client() as client:
            session_id = new_session(client)
            plan_id = ask(client, session_id, "preview", response=answer)["planId"]
            killer = Timer(0.02 + 0.06 * kill, server.kill)
            killer.start()
            with suppress(httpx.TransportError):
                ask(client, session_id, "execute", planId=plan_id)
            killer.join()
        with place.serving(), place.client() as client:
            (plan,) = client.get(f"/api/session/{session_id}/plans").json()["plans"]
            outcomes.append(plan["state"])
            if plan["state"] == "executed":
                assert contents(place.root) == dict.fromkeys(
                    [name for number in range(FILES) for name in (f"{number}", f"d/{number}")], b"new\n"
                )
                assert types(client, session_id) == ["operations-detected", "operations-executed"]
                ask(client, session_id, "revert", planId=plan_id)
            assert look(place.root) == before

    assert set(outcomes) <= {"proposed", "failed", "executed"}
