"""Requests that two parsers could read in two ways are refused; what follows a request is not run behind its back."""

from collections.abc import Iterator

import pytest

from tests.server.client import ServerProcess, code_of, read_all, read_answer, serving, status_of

POST = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
GET = b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

AMBIGUOUS = {
    "length-and-chunked": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-and-length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "two-lengths": POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "same-length-twice": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "list-of-lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "signed-length": POST + b"Content-Length: +3\r\n\r\nabc",
    "negative-length": POST + b"Content-Length: -3\r\n\r\nabc",
    "hexadecimal-length": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "empty-length": POST + b"Content-Length: \r\n\r\nabc",
    "huge-length": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "unknown-coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity-coding": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "two-codings": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked-not-last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked-twice": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked-of-old-version": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding-behind-vertical-tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "bare-lf-everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
    "bare-lf-behind-request-line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
    "bare-lf-behind-header": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "bare-lf-at-end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
    "bare-cr": b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "folded-header": b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n y\r\n\r\n",
    "folded-coding": POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "folded-first-line": b"GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "space-before-colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "tab-before-colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "header-without-name": b"GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "header-without-colon": b"GET / HTTP/1.1\r\nHost: a\r\nb\r\n\r\n",
    "nul-in-header": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "no-host": b"GET / HTTP/1.1\r\n\r\n",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "other-host-in-target": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "no-host-in-target": b"GET mailto:a HTTP/1.1\r\nHost: a\r\n\r\n",
    "fragment": b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    "bytes-in-target": b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    "control-in-target": b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
    "space-in-target": b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
    "star": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "connect": b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    "no-version": b"GET /\r\n\r\n",
    "version-0.9": b"GET / HTTP/0.9\r\nHost: a\r\n\r\n",
    "version-2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "http2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "unknown-method": b"GTE / HTTP/1.1\r\nHost: a\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "upgrade-with-body": POST + b"Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\nabc",
    "upgrade-with-chunks": POST + b"Connection: upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk-size-then-lf": CHUNKED + b"3\nabc\r\n0\r\n\r\n",
    "chunk-then-lf": CHUNKED + b"3\r\nabc\n0\r\n\r\n",
    "chunk-extension-then-lf": CHUNKED + b"3;a\nabc\r\n0\r\n\r\n",
    "chunk-size-with-space": CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n",
    "chunk-size-with-prefix": CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n",
    "negative-chunk-size": CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n",
    "huge-chunk-size": CHUNKED + b"FFFFFFFFFFFFFFFFF\r\nabc",
    "chunk-without-end": CHUNKED + b"3\r\nabc0\r\n\r\n",
    "length-in-trailer": CHUNKED + b"0\r\nContent-Length: 3\r\n\r\n",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_an_ambiguous_request_is_refused_and_its_connection_closed(server: ServerProcess, name: str) -> None:
    answer = server.say(AMBIGUOUS[name])

    assert status_of(answer) == 400
    assert code_of(answer) == "bad-request"
    assert answer.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_where_a_request_is_cut_does_not_change_the_refusal(server: ServerProcess, name: str) -> None:
    request = AMBIGUOUS[name]
    with server.connect() as connection:
        for cut in range(0, len(request), 7):
            try:
                connection.sendall(request[cut : cut + 7])
            except ConnectionError:
                break
        answer = read_all(connection)

    assert status_of(answer) == 400


def test_a_refusal_names_no_server_and_has_a_date_and_no_referrer(server: ServerProcess) -> None:
    head = server.say(AMBIGUOUS["two-hosts"]).partition(b"\r\n\r\n")[0].lower()

    assert b"\r\nreferrer-policy: no-referrer" in head
    assert b"\r\nserver:" not in head
    assert head.count(b"\r\ndate:") == 1


def test_an_ordinary_answer_names_no_server(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(GET)
        head = read_answer(connection).lower()

    assert b"\r\nserver:" not in head
    assert head.count(b"\r\ndate:") == 1


def test_a_kept_connection_carries_many_requests(server: ServerProcess) -> None:
    with server.connect() as connection:
        for number in range(50):
            body = b"x" * number
            connection.sendall(POST + b"Content-Length: %d\r\n\r\n%b" % (number, body))

            assert read_answer(connection).endswith(b"\r\n\r\n" + (body or b"/echo"))


def test_a_chunked_body_arrives_whole_however_it_is_cut(server: ServerProcess) -> None:
    request = CHUNKED + b"3;note=1\r\nabc\r\n5\r\ndefgh\r\n0\r\nX-Trailer: y\r\n\r\n"
    for size in (1, 2, 3, 5, len(request)):
        with server.connect() as connection:
            for at in range(0, len(request), size):
                connection.sendall(request[at : at + size])

            assert read_answer(connection).endswith(b"\r\n\r\nabcdefgh")


def test_a_trailer_never_becomes_a_header(server: ServerProcess) -> None:
    with server.connect() as connection:
        head = b"POST /headers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + b"1\r\nx\r\n0\r\nAuthorization: Bearer y\r\n\r\n")
        answer = read_answer(connection)

    assert b"host: a" in answer
    assert b"authorization" not in answer.lower()


def test_an_empty_line_before_and_behind_a_request_means_nothing(server: ServerProcess) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(b"\r\n" + POST + b"Content-Length: 3\r\n\r\nabc\r\n")

            assert read_answer(connection).endswith(b"abc")


def test_an_absolute_target_is_taken_where_it_names_the_host(server: ServerProcess) -> None:
    answer = server.say(b"GET http://A:1/x?y HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n/x")


@pytest.mark.parametrize(
    "first",
    [
        GET,
        POST + b"Content-Length: 3\r\n\r\nabc",
        CHUNKED + b"3\r\nabc\r\n0\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
    ids=["get", "length", "chunked", "upgrade", "close"],
)
@pytest.mark.parametrize("second", [SECOND, b"\x00" * 30, SECOND * 1000], ids=["request", "garbage", "many"])
def test_what_follows_a_request_is_not_run(server: ServerProcess, first: bytes, second: bytes) -> None:
    answer = server.say(first + second)

    assert status_of(answer) == 200
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"/second" not in answer


def test_what_follows_a_body_that_was_answered_early_is_not_run(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /refuse HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab")
        answer = read_answer(connection)
        connection.sendall(b"c\r\n0\r\n\r\n" + SECOND)

        assert status_of(answer) == 401
        assert b"\r\nconnection: close\r\n" in answer
        assert read_all(connection) == b""


def test_a_request_behind_an_open_stream_ends_the_connection_only_when_it_floods(server: ServerProcess) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
        started = b""
        while b"connected" not in started:
            started += connection.recv(4096)
        connection.sendall(SECOND)
        assert status_of(server.say(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 200
        for _ in range(3000):
            try:
                connection.sendall(SECOND)
            except ConnectionError:
                break
        rest = read_all(connection)

    assert b"/second" not in rest
    assert server.say(b"GET /streams HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").endswith(b"\r\n\r\n0")


def test_an_upgrade_nobody_offers_is_answered_as_if_not_asked_for(server: ServerProcess) -> None:
    answer = server.say(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")

    assert answer.endswith(b"\r\n\r\n/x")
