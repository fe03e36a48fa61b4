"""What a real server's /metrics say of what it did."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.servers import SECONDS, Place, Server, history, new_session, prompt, run_prompt

Samples = dict[str, float]


class Watched:
    """A server and what it tells."""

    def __init__(self, place: Place, server: Server, owner: httpx.Client) -> None:
        self.place = place
        self.server = server
        self.owner = owner

    def samples(self) -> Samples:
        """Return every sample by its name and labels."""
        text = self.owner.get("/metrics").text
        return {
            name_of(sample.name, sample.labels): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def until(self, wanted: Callable[[Samples], bool]) -> Samples:
        deadline = time.monotonic() + SECONDS
        while not wanted(samples := self.samples()):
            assert time.monotonic() < deadline, samples
            time.sleep(0.02)
        return samples


def name_of(name: str, labels: dict[str, str]) -> str:
    return name + "".join(f" {key}={value}" for key, value in sorted(labels.items()))


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    place = Place(tmp_path_factory.mktemp("metrics"), TOWPATH_STREAMS_PER_TOKEN="2")
    with place.serving() as server, place.client() as owner:
        yield Watched(place, server, owner)


def test_turns_are_counted_by_how_they_ended(watched: Watched) -> None:
    session_id = new_session(watched.owner)
    before = watched.samples()
    run_prompt(watched.owner, session_id, "true")
    prompt(watched.owner, session_id, "sleep 60")
    queued = prompt(watched.owner, session_id, "never")
    watched.owner.post(f"/api/session/{session_id}/cancel", json={"turnId": queued})
    watched.until(lambda samples: samples["towpath_processes"] == before["towpath_processes"] + 1)
    watched.owner.post(f"/api/session/{session_id}/cancel")

    after = watched.until(lambda samples: samples["towpath_sessions_active"] == 0)

    assert after["towpath_turns_total outcome=end"] - before["towpath_turns_total outcome=end"] == 1
    assert after["towpath_turns_total outcome=cancelled"] - before["towpath_turns_total outcome=cancelled"] == 2
    assert after["towpath_turns_total outcome=refused"] == 0
    watched.until(lambda samples: samples["towpath_processes"] == 0)


def test_events_and_commits_add_up(watched: Watched) -> None:
    run_prompt(watched.owner, new_session(watched.owner), "seq 1 1000")

    samples = watched.samples()

    events = sum(value for name, value in samples.items() if name.startswith("towpath_events_total"))
    assert samples["towpath_commit_events_sum"] == events > 5
    assert samples["towpath_commit_events_bucket le=+Inf"] == samples["towpath_commit_events_count"] <= events
    assert 0 < samples["towpath_append_seconds_count"] <= samples["towpath_commit_events_count"] + 1
    assert 0 < samples["towpath_append_seconds_sum"] < SECONDS
    assert samples["towpath_log_bytes"] > 4096
    assert 0 < samples["towpath_disk_free_bytes"] < samples["towpath_disk_bytes"]


def test_streams_are_counted_with_their_resets_and_those_turned_away(watched: Watched) -> None:
    session_id = new_session(watched.owner)
    url = f"/api/session/{session_id}/events"
    before = watched.samples()
    watched.owner.get(url, params={"after": "anotherepoch.1", "follow": "false"})
    with watched.owner.stream("GET", url), watched.owner.stream("GET", url):
        watched.until(lambda samples: samples["towpath_streams"] == 2)
        assert '"overload"' in watched.owner.get(url).text

        after = watched.samples()

    for name in ("towpath_stream_resets_total reason=epoch", "towpath_stream_endings_total reason=overload"):
        assert after[name] - before[name] == 1
    assert after["towpath_stream_lag_seconds"] == 0


def test_a_client_that_takes_nothing_is_seen_to_lag(watched: Watched) -> None:
    session_id = new_session(watched.owner)
    with watched.owner.stream("GET", f"/api/session/{session_id}/events", params={"after": "0"}) as stream:
        pieces = stream.iter_raw()  # to let go of it would be to go
        first = next(pieces)
        run_prompt(watched.owner, session_id, "head -c 30000000 /dev/zero | tr '\\0' x")

        watched.until(lambda samples: samples["towpath_stream_lag_seconds"] > 1)
        assert next(pieces) != first
    watched.until(lambda samples: samples["towpath_stream_lag_seconds"] == 0)


def test_what_is_interrupted_is_counted_by_the_server_that_finds_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    server = place.start()
    with place.client() as owner:
        session_id = new_session(owner)
        prompt(owner, session_id, "sleep 60")
        while not any(event.get("status") == "running" for event in history(owner, session_id)):
            pass
    server.kill()
    with place.serving(), place.client() as owner:
        text = owner.get("/metrics").text

    assert 'towpath_turns_total{outcome="interrupted"} 1.0' in text


def test_a_session_that_is_damaged_is_warned_of_once(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serving(), place.client() as owner:
        session_id = new_session(owner)
        run_prompt(owner, session_id, "echo damage-me")
    data = (place.data / "towpath.db").read_bytes()
    assert data.count(b'"content":"damage-me') == 1
    (place.data / "towpath.db").write_bytes(data.replace(b'"content":"damage-me', b'"content":"damaged-e'))

    for _ in range(2):
        with place.serving(), place.client() as owner:
            assert owner.get(f"/api/session/{session_id}/history").status_code in (200, 410)
            owner.get(f"/api/session/{session_id}/history?after=0")
            assert "towpath_sessions_quarantined 1.0" in owner.get("/metrics").text
    assert len(re.findall("session-quarantined: 1 sessions are damaged", place.complaints)) == 1
