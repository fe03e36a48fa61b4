"""What a session was given, from outside: a real server, real files, a real restart."""

from pathlib import Path
from typing import Any

import httpx

from tests.servers import Place, new_session, run_prompt


def context_of(client: httpx.Client, session_id: str) -> dict[str, Any]:
    answer = client.get(f"/api/session/{session_id}/context")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_what_a_prompt_gives_is_kept_and_its_files_are_measured_when_asked(tmp_path: Path) -> None:
    place = Place(tmp_path)
    note, gone = place.root / "note.txt", place.root / "gone.txt"
    note.write_text("hello")
    gone.write_text("x")
    with place.serving() as server, place.client() as client:
        session_id = new_session(client)
        answer = client.post(
            f"/api/session/{session_id}/prompt",
            json={
                "command": "echo hello",
                "context": [{"path": "note.txt"}, {"path": str(gone)}, {"name": "wish", "text": "ü"}],
            },
        )
        assert answer.status_code == 202, answer.text
        run_prompt(client, session_id, "printf 'hello, world' > note.txt; rm gone.txt; ln -s /etc/passwd gone.txt")
        before = context_of(client, session_id)
        server.kill()

    assert [(item.get("path"), item.get("name"), item["how"], item["size"]) for item in before["files"]] == [
        (None, "wish", "given", 2),
        (str(gone), None, "given", None),
        (str(note), None, "given", 12),
    ]
    assert before["tokenEstimate"] == 4
    assert "window" not in before
    with place.serving(), place.client() as client:
        assert context_of(client, session_id) == before


def test_a_prompt_gives_only_regular_files_of_its_directory(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "outside").write_text("secret")
    (place.root / "link").symlink_to(tmp_path / "outside")
    (place.root / "folder").mkdir()
    with place.serving(), place.client() as client:
        session_id = new_session(client)
        for path in ("link", "folder", "missing", "../outside", "/etc/passwd", str(tmp_path / "outside")):
            answer = client.post(
                f"/api/session/{session_id}/prompt", json={"command": "true", "context": [{"path": path}]}
            )

            assert (answer.status_code, answer.json()["code"]) == (422, "invalid-context"), path
            assert answer.json()["member"] == "$.context[0].path"
        assert context_of(client, session_id)["files"] == []
        assert client.get(f"/api/session/{session_id}").json()["cursor"].endswith(".2")
