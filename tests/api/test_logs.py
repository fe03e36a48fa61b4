import io
import logging
from collections.abc import Iterator

import msgspec
import pytest
from typing_extensions import override

from api.app import create_litestar
from api.logs import configure_logs

HOSTILE = "a\nINFO fake\r\x1b[2J\x07\x9b\x7f\u2028\u202e\udcff"


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def own_root() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers.clear()
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = before
    root.setLevel(level)


def test_a_log_that_is_read_by_programs_is_json_lines() -> None:
    stream = io.StringIO()
    configure_logs("info", stream=stream)

    logging.getLogger("api.server").info("listening on %s", HOSTILE)

    text = stream.getvalue()
    line = msgspec.json.decode(text)
    assert (line["level"], line["logger"]) == ("info", "api.server")
    assert line["message"] == "listening on " + HOSTILE.replace("\udcff", "\\udcff")
    assert [character for character in text[:-1] if not character.isprintable()] == []


def test_a_log_that_is_read_by_people_is_short_lines() -> None:
    stream = Terminal()
    configure_logs("info", stream=stream)

    logging.getLogger("api.server").warning("%s", HOSTILE)

    first, *rest = stream.getvalue().removesuffix("\n").split("\n")
    assert first.split(" ", 1)[1] == "warning a"
    assert all(line.startswith("    ") for line in rest)
    assert all(line.isprintable() or "\N{REPLACEMENT CHARACTER}" in line for line in rest)
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_failure_comes_with_its_traceback(stream: io.StringIO) -> None:
    configure_logs("info", stream=stream)

    try:
        int(HOSTILE)
    except ValueError:
        logging.getLogger().exception("failed")

    assert "Traceback" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_what_weighs_less_than_the_level_is_left_out() -> None:
    stream = io.StringIO()
    configure_logs("warning", stream=stream)

    logging.getLogger("api").info("quiet")

    assert stream.getvalue() == ""


def test_the_application_leaves_the_logs_as_they_are() -> None:
    stream = io.StringIO()
    configure_logs("info", stream=stream)

    create_litestar()
    logging.getLogger("api").info("still ours")

    assert msgspec.json.decode(stream.getvalue())["message"] == "still ours"
