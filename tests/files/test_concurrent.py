"""Changes while somebody else writes to the same files: theirs is never lost, and never mixed with half of a plan."""

import random
import time
from pathlib import Path
from threading import Thread

from anyio import fail_after

from contracts.events import DeleteOperation, WriteOperation
from domain.errors import FilesChanged
from tests.files.stage import KEY, NOTE, Place

ROUNDS = 120
NAMES = ("a", "b", "c", "d")


def meddle(place: Place, chance: random.Random) -> tuple[Thread, dict[str, bytes]]:
    """Begin to replace some of the files, each once, at moments within the change; return what will be in them."""
    theirs = {name: f"theirs {chance.random()}".encode() for name in NAMES if chance.random() < 0.3}
    pauses = [chance.random() * 0.02 for _ in theirs]

    def write() -> None:
        for (name, data), pause in zip(theirs.items(), pauses, strict=True):
            time.sleep(pause)
            fresh = place.root / "fresh"
            fresh.write_bytes(data)
            fresh.rename(place.project / name)

    thread = Thread(target=write)
    thread.start()
    return thread, theirs


async def test_it_writes_what_was_previewed_or_nothing_and_loses_nobodys_work(tmp_path: Path) -> None:
    outcomes = {"made": 0, "refused": 0, "made beside theirs": 0}
    for seed in range(ROUNDS):
        chance = random.Random(seed)
        place = Place(tmp_path / str(seed))
        for name in NAMES[:3]:
            place.put(name, b"old")
        changes = await place.changes(
            WriteOperation(path="a", content="new"),
            WriteOperation(path="b", content="new"),
            DeleteOperation(path="c"),
            WriteOperation(path="d", content="new"),
        )
        thread, theirs = meddle(place, chance)
        with fail_after(10):
            try:
                await place.files.change(place.working_dir, KEY, changes, note=NOTE)
            except FilesChanged:
                ours = dict.fromkeys(("a", "b", "c"), b"old")
                outcomes["refused"] += 1
            else:
                ours = dict.fromkeys(("a", "b", "d"), b"new")
                outcomes["made beside theirs" if theirs else "made"] += 1
        thread.join()

        found = {path.name: path.read_bytes() for path in place.project.iterdir() if path.name in NAMES}
        assert found == ours | theirs, (seed, found, theirs)

    assert all(outcomes.values()), outcomes
