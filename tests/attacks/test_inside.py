"""What gets out of a real server, or into its host, by sessions and their prompts."""

import os
import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic

import anyio
import httpx
import pytest

from tests.attacks.stage import REACHES, SECONDS, Target
from tests.processes.living import children, fresh_mark, marked, until
from tests.servers import Place, new_session, prompt, run_prompt

SECRETS = {
    "ANTHROPIC_API_KEY": "a-secret-key",
    "AWS_SECRET_ACCESS_KEY": "a-secret-access-key",
    "PGPASSWORD": "a-secret-password",
    "HTTPS_PROXY": "http://user:a-secret-proxy@proxy.example",
    "SSH_AUTH_SOCK": "/a-secret-agent",
    "TOWPATH_TOKEN": "a-secret-token",
    "BASH_ENV": "/a-secret-script",
}
PAGES = ("/", "/login")  # a browser may keep them, and asks each time whether they are still the same
COMMANDING = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module", params=list(REACHES))
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    place = Place(tmp_path_factory.mktemp(request.param), **REACHES[request.param], **SECRETS)
    with place.serving() as server:
        yield Target(place, server)


def output(target: Target, command: str, **members: str) -> str:
    """Run a prompt in a session of its own; return what it wrote."""
    with target.place.client() as owner:
        session = new_session(owner, **members)
        run_prompt(owner, session, command)
    return "".join(event["content"] for event in target.events(session) if event["type"] == "session-output")


def kept_text(place: Place) -> str:
    """Return all that the server wrote down for people."""
    return place.complaints + (place.data / "audit.jsonl").read_text()


# What gets out


def test_a_prompt_sees_none_of_the_servers_secrets(target: Target) -> None:
    said = output(target, "env; cat /proc/$PPID/environ | tr '\\0' '\\n'; cat /proc/$PPID/cmdline")

    assert "PATH=" in said
    assert "a-secret" not in said
    assert "TOWPATH" not in said
    assert target.place.token not in said


def test_no_secret_stands_in_any_argument(target: Target) -> None:
    _, secret = target.make_token("read")
    listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout

    assert "towpath" in listed
    assert target.place.token not in listed
    assert secret not in listed


def test_no_secret_is_written_down(target: Target) -> None:
    token_id, secret = target.make_token("read")
    cookie = target.login(secret)
    with target.place.client() as owner:
        code = owner.post("/api/login-codes").json()["code"]
    target.ask("GET", f"/login?code={code}")
    target.ask("GET", f"/api/sessions?token={secret}", {"Authorization": f"Bearer {code}", "Cookie": cookie})
    with target.place.client() as owner:
        owner.delete(f"/api/tokens/{token_id}").raise_for_status()

    written = kept_text(target.place) + (target.place.data / "tokens.json").read_text()
    database = b"".join(path.read_bytes() for path in target.place.data.glob("towpath.db*")).decode("latin-1")
    for found in (secret, code, cookie.partition("=")[2], target.place.token):
        assert found not in written
        assert found not in database


def test_nothing_that_a_prompt_says_is_written_down_beside_the_log(target: Target) -> None:
    with target.place.client() as owner:
        session = new_session(owner, title="private-title")
        body = {"command": "echo private-command", "context": [{"name": "private-name", "text": "private-text"}]}
        owner.post(f"/api/session/{session}/prompt", json=body).raise_for_status()
        refused = owner.post(f"/api/session/{session}/prompt", json={**body, "delivery": "private-delivery"})
        run_prompt(owner, session, "echo private-command; no-such-private-command")

    assert refused.status_code == 400
    assert f"/api/session/{session}/prompt" in kept_text(target.place)
    assert "private-" not in kept_text(target.place)


def test_every_file_is_its_users_alone_whatever_the_umask_is(tmp_path: Path) -> None:
    place = Place(tmp_path)
    old = os.umask(0)
    try:
        with place.serving() as server:
            target = Target(place, server)
            target.login()
            target.make_token("read")
            with place.client() as owner:
                run_prompt(owner, target.session, "true")
            modes = {path.name: stat.S_IMODE(path.lstat().st_mode) for path in [place.data, *place.data.rglob("*")]}
    finally:
        os.umask(old)

    assert {"token", "tokens.json", "towpath.db", "towpath.db-wal", "server.json", "audit.jsonl"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/api/sessions", "/api/nothing", "/docs", "/static/x.js"])
@pytest.mark.parametrize("held", [True, False])
def test_no_answer_names_the_software_or_is_kept_or_leaks_where_it_was(target: Target, path: str, held: bool) -> None:
    answer = target.ask("GET", path, target.place.headers if held else {})

    assert "server" not in answer.headers
    assert "content-encoding" not in answer.headers
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == ("no-cache" if path in PAGES else "no-store")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "script-src 'self';" in policy


def test_the_page_holds_no_code_of_its_own_and_no_secret(target: Target) -> None:
    page = target.ask("GET", "/session/abcdefgh", target.place.headers).body.decode()

    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|style=", page)
    assert re.findall(r"https?:", page) == []
    assert target.place.token not in page


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/nothing/%2e%2e/etc", b""),
        ("GET", "/api/session/%00%0a", b""),
        ("POST", "/api/sessions", b'{"mode": "shell", "permissionMode": "bypass"}'),
        ("POST", "/api/sessions", b'{"mode": "shell", "title": 1e400}'),
        ("POST", "/api/sessions", b'{"mode": "shell", "title": "\\ud800"}'),
        ("POST", "/api/sessions", b'{"mode": NaN}'),
        ("POST", "/api/sessions", b"[" * 100_000),
        ("POST", "/api/sessions", b'{"mode": ' + b"9" * 500_000 + b"}"),
        ("POST", "/api/sessions", b'{"mode": "shell", "workingDir": "/etc/passwd"}'),
        ("POST", "/api/sessions", b'{"mode": "shell", "workingDir": "/nowhere\\u001b]0;x"}'),
        ("PATCH", "/api/session/{session}", b'{"title": "\\u0000"}'),
        ("GET", "/api/session/{session}/history?limit=1000000000", b""),
        ("GET", "/api/session/{session}/history?limit=-1", b""),
        ("GET", "/api/session/{session}/history?after=99999999999999999999999", b""),
    ],
)
def test_a_refusal_tells_nothing_of_the_inside(target: Target, method: str, path: str, body: bytes) -> None:
    headers = {**target.place.headers, "Content-Type": "application/json"}

    with target.untouched():
        answer = target.ask(method, path.format(session=target.session), headers, body)

    assert 400 <= answer.status < 500, answer.body
    assert not re.search(rb"Traceback|\.py|litestar|msgspec|sqlite|SELECT|/work|/usr/lib", answer.body)
    assert target.place.token.encode() not in answer.body


def test_of_duplicate_members_the_last_counts_and_is_what_is_recorded(target: Target) -> None:
    inside = target.place.root / "inside"
    inside.mkdir(exist_ok=True)
    headers = {**target.place.headers, "Content-Type": "application/json"}

    with target.untouched():
        body = f'{{"mode": "shell", "workingDir": "{inside}", "workingDir": "/"}}'.encode()
        assert target.ask("POST", "/api/sessions", headers, body).code == "working-dir-outside-roots"


def test_nothing_a_client_names_commands_a_terminal_that_shows_the_logs(target: Target) -> None:
    evil = "a\x1b]0;x\x07\x1b]52;c;eA==\x07\x9b2J\u202eb\u2028\x7f"
    with target.place.client() as owner:
        owner.post("/api/tokens", json={"name": "evil \u202e\x9b2J", "scope": "read"})
        owner.post("/api/sessions", json={"mode": evil, "title": evil, "workingDir": evil})
    quoted = "".join(f"%{byte:02x}" for byte in f"{evil}\r\n".encode())
    target.ask("GET", f"/api/{quoted}", {"User-Agent": evil.encode("utf-8").decode("latin-1").replace("\x1b", "")})
    target.ask("POST", f"/api/{quoted}", target.place.headers)
    output(target, f"printf '%s' '{evil}' >&2")

    assert not COMMANDING.search(kept_text(target.place))


# Directories


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "..",
        "../..",
        "a/../../b",
        "/etc",
        "//etc",
        "....//....//etc",
        "out",
        "out/passwd",
        "{root}/../",
        "/proc/self/cwd/..",
    ],
)
def test_no_session_begins_outside_the_roots(target: Target, path: str) -> None:
    link = target.place.root / "out"
    if not link.is_symlink():
        link.symlink_to("/etc")
    (target.place.root.parent / "b").mkdir(exist_ok=True)

    with target.place.client() as owner, target.untouched():
        answer = owner.post("/api/sessions", json={"mode": "shell", "workingDir": path.format(root=target.place.root)})

        assert answer.status_code in (403, 422), answer.text
        assert "passwd:" not in answer.text


def test_a_directory_that_becomes_a_link_between_two_prompts_leads_nowhere(target: Target) -> None:
    work = target.place.root / "work"
    work.mkdir()
    outside = target.place.root.parent / "outside"
    outside.mkdir()
    with target.place.client() as owner:
        session = new_session(owner, workingDir=str(work))
        run_prompt(owner, session, "touch before")
        work.rename(target.place.root / "moved")
        work.symlink_to(outside)
        run_prompt(owner, session, "touch after")

    assert list(outside.iterdir()) == []
    assert "session-error" in [event["type"] for event in target.events(session)]


def test_a_configuration_in_the_working_directory_is_not_the_servers(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (place.root / "towpath.toml").write_text('roots = ["/"]\nagent-environment = ["ANTHROPIC_API_KEY"]\n')
    (place.root / "sitecustomize.py").write_text("open('came-in', 'w')")
    (place.root / "anyio.py").write_text("open('came-in', 'w')")
    (place.root / "bash").write_text("#!/bin/sh\ntouch came-in\n")
    (place.root / "bash").chmod(0o755)
    (place.root / ".bashrc").write_text("touch came-in")
    with place.serving() as server:
        target = Target(place, server)
        with place.client() as owner:
            answer = owner.post("/api/sessions", json={"mode": "shell", "workingDir": "/"})
            run_prompt(owner, target.session, "true")

    assert answer.status_code == 403
    assert not (place.root / "came-in").exists()


# Prompts


def test_output_that_imitates_frames_stays_output(target: Target) -> None:
    forged = "\\n\\nevent: approval-confirmed\\nid: x.999\\ndata: {}\\n\\n\\r\\r\\n\\r\\nretry: 1\\n\u2028\u0085\\f\\v"
    with target.place.client() as owner:
        session = new_session(owner)
        run_prompt(owner, session, f"printf '{forged}'")
        stream = owner.get(f"/api/session/{session}/events?after=0&follow=false").content

    recorded = target.events(session)
    types = {event["type"] for event in recorded} | {"connected", "caught-up"}
    blocks = [block.split(b"\n") for block in stream.split(b"\n\n") if block]
    assert b"\r" not in stream
    assert [len([line for line in block if line.startswith(b"data: ")]) for block in blocks] == [1] * len(blocks)
    assert {block[0].removeprefix(b"event: ").decode() for block in blocks} == types
    assert [event["seq"] for event in recorded] == list(range(1, len(recorded) + 1))
    said = "".join(event["content"] for event in recorded if event.get("stream") == "stdout")
    assert "\n\nevent: approval-confirmed\nid: x.999\n" in said


async def test_what_a_prompt_hides_ends_with_its_session(target: Target) -> None:
    mark = fresh_mark()
    with target.place.client() as owner:
        session = new_session(owner)
        run_prompt(
            owner,
            session,
            f"(setsid nohup sleep {mark} & disown);"
            f"(env -i setsid sh -c '(/bin/sleep {mark} &) & exec /bin/sleep {mark}' &)",
        )
        with anyio.fail_after(SECONDS):
            await until(lambda: len(marked(mark)) >= 3)
            owner.delete(f"/api/session/{session}").raise_for_status()
            await until(lambda: not marked(mark))


async def test_what_a_prompt_does_to_its_own_supervision_ends_only_itself(target: Target) -> None:
    mark = fresh_mark()
    with target.place.client() as owner:
        session = new_session(owner)
        run_prompt(owner, session, f"sleep {mark} & kill -9 $PPID; sleep {mark}")
        run_prompt(owner, session, "echo still here")
        with anyio.fail_after(SECONDS):
            owner.delete(f"/api/session/{session}").raise_for_status()
            await until(lambda: not marked(mark))

    assert target.server.running


def test_a_prompt_has_the_servers_descriptors_not_in_hand(target: Target) -> None:
    said = output(target, 'for fd in /proc/self/fd/*; do echo "${fd##*/} $(readlink "$fd")"; done')

    named = [line for line in said.splitlines() if re.search(r"socket:|anon_inode|towpath|\.db|/data/", line)]
    assert named == []


def test_a_prompt_dumps_no_core_and_can_not_start_processes_without_end(target: Target) -> None:
    assert output(target, "ulimit -c; ulimit -u").split() == ["0", "8192"]


def test_a_prompt_waits_for_no_input(target: Target) -> None:
    assert output(target, "cat; read line; echo $?") == "1\n"


def test_a_flood_of_prompts_fills_one_queue_and_stops_nobody_else(target: Target) -> None:
    with target.place.client() as owner:
        flooded, other = new_session(owner), new_session(owner)
        prompt(owner, flooded, f"sleep {fresh_mark()}")
        statuses = [
            owner.post(f"/api/session/{flooded}/prompt", json={"command": "touch flood"}).status_code
            for _ in range(200)
        ]
        run_prompt(owner, other, "echo well")
        owner.delete(f"/api/session/{flooded}").raise_for_status()

    assert statuses == [202] * 32 + [429] * 168
    assert not (target.place.root / "flood").exists()


def test_a_flood_of_output_costs_the_server_little_and_delays_nobody(target: Target) -> None:
    with target.place.client() as owner:
        session = new_session(owner)
        prompt(owner, session, "yes 'all work and no play'")
        slow = 0.0
        most = 0
        with closing(target.connect()) as reader:  # it takes nothing of a stream that never ends
            head = f"GET /api/session/{session}/events?after=0 HTTP/1.1\r\nHost: localhost\r\n"
            reader.sendall(f"{head}Authorization: Bearer {target.place.token}\r\n\r\n".encode())
            end = monotonic() + 3
            while (begun := monotonic()) < end:
                owner.get("/api/sessions").raise_for_status()
                slow = max(slow, monotonic() - begun)
                most = max(most, resident(target.server.pid))
        owner.delete(f"/api/session/{session}").raise_for_status()

    assert slow < 2
    assert most < 400_000_000


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_killed_server_leaves_no_process_and_no_lie(tmp_path: Path) -> None:
    place, mark = Place(tmp_path), fresh_mark()
    server = place.start()
    target = Target(place, server)
    with place.client() as owner:
        prompt(owner, target.session, f"setsid sleep {mark} & sleep {mark}")
        with anyio.fail_after(SECONDS):
            await until(lambda: len(marked(mark)) >= 2 and bool(children(server.pid)))
            server.kill()
            await until(lambda: not marked(mark))
    with place.serving(), place.client() as owner:
        assert owner.get(f"/api/session/{target.session}/status").json()["status"] == "interrupted"


def test_connections_without_a_word_keep_health_and_streams(tmp_path: Path) -> None:
    place = Place(tmp_path, TOWPATH_CONNECTIONS="4", TOWPATH_STREAMS="4")
    with place.serving() as server:
        target = Target(place, server)
        idle = [target.connect() for _ in range(40)]
        try:
            began = monotonic()
            health = target.ask("GET", "/healthz")
            assert (health.status, monotonic() - began < 2) == (200, True)
            assert target.ask("GET", "/api/sessions", place.headers).status == 503
            stream = target.ask("GET", f"/api/session/{target.session}/events", place.headers)
            assert (stream.status, b"event: stream-closing" in stream.body) == (200, True)
        finally:
            for connection in idle:
                connection.close()


def test_a_stranger_sends_no_long_body(target: Target) -> None:
    head = [("Origin", target.origin), ("Content-Type", "application/json"), ("Content-Length", "5000")]

    with target.untouched():
        for path in ("/api/login", "/api/%6cogin"):
            assert target.ask("POST", path, head).status == 413


@pytest.mark.parametrize("path", ["/api/login", "/api/sessions"])
def test_a_body_over_the_limit_is_not_waited_for(target: Target, path: str) -> None:
    head = [*target.place.headers.items(), ("Content-Type", "application/json"), ("Content-Length", str(20 << 20))]

    with target.untouched():
        assert target.ask("POST", path, head).status == 413


def test_streams_go_out_as_they_are_whatever_a_client_would_decompress(target: Target) -> None:
    headers = {**target.place.headers, "Accept-Encoding": "gzip, br, deflate"}
    with httpx.stream("GET", f"{target.origin}/api/session/{target.session}/events", headers=headers) as stream:
        assert "content-encoding" not in stream.headers
