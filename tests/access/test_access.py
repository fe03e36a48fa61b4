import pytest

from domain.access import PEERS_REMEMBERED, FailedAttempts, Principal, require_access
from domain.errors import InsufficientScope, NotFound, SessionNotFound
from domain.ids import SessionId

OWN = "own_session"
FULL = Principal(token_id="token_full", name="full", scope="full")
READ = Principal(token_id="token_read", name="read", scope="read")
SCOPED = Principal(token_id="token_scoped", name="scoped", scope="session", session_id=SessionId(OWN))


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE", "WEBSOCKET"])
@pytest.mark.parametrize("path", ["/api/sessions", "/api/session/other_session/prompt", "/api/tokens", "/metrics"])
def test_a_full_token_may_do_everything(method: str, path: str) -> None:
    require_access(FULL, method=method, path=path)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_read_only_token_may_read_everything(method: str) -> None:
    require_access(READ, method=method, path="/api/session/other_session/events")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "WEBSOCKET", "get"])
def test_a_read_only_token_may_change_nothing(method: str) -> None:
    with pytest.raises(InsufficientScope):
        require_access(READ, method=method, path="/api/sessions")


@pytest.mark.parametrize(
    "path", ["/api/agents/kimi/sessions", "/api/agents/kimi/sessions/", "//api//agents/x//sessions"]
)
def test_a_read_only_token_starts_no_agent(path: str) -> None:
    require_access(READ, method="GET", path="/api/agents")
    with pytest.raises(InsufficientScope):
        require_access(READ, method="GET", path=path)


@pytest.mark.parametrize("principal", [READ, SCOPED], ids=["read", "session"])
def test_whoever_is_in_may_ask_who_it_is_and_leave(principal: Principal) -> None:
    require_access(principal, method="GET", path="/api/whoami")
    require_access(principal, method="POST", path="/api/logout")


@pytest.mark.parametrize("rest", ["", "/", "/events", "/prompt", "/blobs/some_blob_1"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_token_of_one_session_may_use_that_session(rest: str, method: str) -> None:
    require_access(SCOPED, method=method, path=f"/api/session/{OWN}{rest}")


@pytest.mark.parametrize("session_id", ["other_session", f"{OWN}x", OWN.upper(), OWN[:-1]])
def test_to_a_token_of_one_session_another_does_not_exist(session_id: str) -> None:
    with pytest.raises(SessionNotFound):
        require_access(SCOPED, method="GET", path=f"/api/session/{session_id}/history")


@pytest.mark.parametrize(
    "path",
    [
        "/api/sessions",
        f"/api/sessions/{OWN}/duplicate",
        "/api/events",
        "/api/tokens",
        "/api/login-codes",
        "/api/agents",
        "/api/agents/kimi/sessions",
        "/api/terminalx",
        "/metrics",
        "/docs",
        "/schema/openapi.json",
        "/api/session",
        "/api/session/",
        f"/api/session//{OWN}",
        f"//api/session/{OWN}",
        f"/api/session/..%2f{OWN}",
        f"/x/api/session/{OWN}",
        f"/api/session/{OWN}\n",
        "",
    ],
)
def test_a_token_of_one_session_sees_nothing_else(path: str) -> None:
    with pytest.raises(NotFound):
        require_access(SCOPED, method="GET", path=path)


@pytest.mark.parametrize("path", ["/api/terminal", "/api/terminals", "/api/terminal/terminal_1/input"])
def test_a_token_of_one_session_may_watch_terminals_and_use_none(path: str) -> None:
    require_access(SCOPED, method="GET", path=path)
    for method in ("POST", "DELETE"):
        with pytest.raises(InsufficientScope):
            require_access(SCOPED, method=method, path=path)


def test_a_right_ends_with_its_token_and_with_its_login() -> None:
    browser = Principal(token_id="token_full", name="full", scope="full", login_id="login_one")

    assert browser.depends_on("token_full")
    assert browser.depends_on("login_one")
    assert not browser.depends_on("login_two")
    assert not FULL.depends_on("login_one")


def test_ten_wrong_credentials_a_minute_are_answered_and_the_next_are_put_off() -> None:
    attempts = FailedAttempts()

    answers = [attempts.add("peer", now=100.0 + count) for count in range(12)]

    assert answers == [None] * 10 + [50, 49]


def test_a_minute_after_the_first_wrong_credential_the_count_begins_anew() -> None:
    attempts = FailedAttempts()
    for _ in range(20):
        attempts.add("peer", now=100.0)

    assert attempts.add("peer", now=159.9) == 1
    assert attempts.add("peer", now=160.0) is None


def test_peers_are_counted_apart() -> None:
    attempts = FailedAttempts()
    for _ in range(20):
        attempts.add("one", now=100.0)

    assert attempts.add("two", now=100.0) is None


def test_a_flood_of_peers_takes_no_more_room_and_forgets_the_oldest_first() -> None:
    attempts = FailedAttempts()
    for _ in range(11):
        attempts.add("busy", now=100.0)
    for number in range(PEERS_REMEMBERED - 1):
        attempts.add(f"peer {number}", now=100.0)

    assert attempts.add("busy", now=100.0) is not None
    attempts.add("one more", now=100.0)
    assert len(attempts._counts) == PEERS_REMEMBERED
    assert "peer 0" not in attempts._counts
    assert "busy" in attempts._counts
