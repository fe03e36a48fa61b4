"""How far a program may run ahead: rules alone, by a clock of the test's."""

from infrastructure.terminals.holds import AHEAD_BYTES, LOST_SECONDS, PATIENCE_SECONDS, READERS, WINDOW_BYTES, Holds

SERVER, NEXT = 7, 8
MB = 1_000_000


def hold(holds: Holds, reader: str, offset: int, now: float, *, peer: int = SERVER, head: int = 10 * MB) -> None:
    holds.hold(peer, reader.encode(), offset, head=head, now=now)


def held(holds: Holds, now: float) -> float | None:
    """Return the offset that the program waits for, if it does."""
    most = holds.most(0, now) - WINDOW_BYTES
    return None if most == float("inf") else most


def test_the_program_waits_for_the_slowest_that_comes_on() -> None:
    holds = Holds()
    hold(holds, "slow", 1 * MB, 0)
    hold(holds, "quick", 2 * MB, 0)
    assert held(holds, 4) == 1 * MB

    hold(holds, "quick", 3 * MB, 4)
    assert holds.next_time(4) == PATIENCE_SECONDS
    assert held(holds, PATIENCE_SECONDS) == 3 * MB
    assert held(holds, 4 + PATIENCE_SECONDS) is None


def test_who_lacks_nothing_is_waited_for_from_when_there_is_more() -> None:
    holds = Holds()
    hold(holds, "reader", 0, 0, head=0)
    assert held(holds, 1000) == 0

    holds.note_output(100, 1000)
    holds.note_output(200, 1001)
    assert held(holds, 1004) == 0
    assert held(holds, 1005) is None


def test_who_is_waited_for_in_vain_again_and_again_is_waited_for_less_and_less() -> None:
    holds, waited, now = Holds(), 0.0, 0.0
    for offset in range(100):  # it comes on whenever nobody waits for it any more
        hold(holds, "reader", offset, now)
        until = holds.next_time(now)
        waited += until - now if until != float("inf") else 0
        now += PATIENCE_SECONDS
    assert waited <= 2 * PATIENCE_SECONDS


def test_a_reader_that_is_back_takes_the_place_of_the_one_that_was_cut_off() -> None:
    holds = Holds()
    hold(holds, "a", 2 * MB, 0)
    hold(holds, "b", 5 * MB, 0)
    holds.release(SERVER, b"a", 1)
    holds.release(SERVER, b"b", 1)
    assert held(holds, 2) == 2 * MB

    hold(holds, "b again", 5 * MB - 300_000, 2)  # what was on its way got lost
    assert held(holds, 2) == 2 * MB
    hold(holds, "a again", 2 * MB + AHEAD_BYTES, 2)  # what was on its way got there
    assert held(holds, 2) == 2 * MB + AHEAD_BYTES
    assert not holds.absent


def test_a_reader_that_begins_at_the_end_takes_nobodys_place() -> None:
    holds = Holds()
    hold(holds, "a", 2 * MB, 0)
    holds.release(SERVER, b"a", 1)
    hold(holds, "new", 10 * MB, 2)

    assert held(holds, 3) == 2 * MB
    assert held(holds, 1 + PATIENCE_SECONDS) == 10 * MB


def test_nobody_waits_for_a_reader_that_wanted_no_more() -> None:
    holds = Holds()
    hold(holds, "a", 2 * MB, 0)
    hold(holds, "a", 2**53 - 1, 1)
    hold(holds, "b", 3 * MB, 1)
    holds.release(SERVER, b"a", 1)

    assert held(holds, 1) == 3 * MB


def test_readers_of_a_server_that_is_gone_have_longer_to_come_back() -> None:
    holds = Holds()
    hold(holds, "a", 2 * MB, 0)
    hold(holds, "stalled", 1 * MB, 0)
    hold(holds, "a", 3 * MB, 4)
    hold(holds, "b", 4 * MB, 4)
    holds.release(SERVER, b"b", 4)
    holds.lose(SERVER, PATIENCE_SECONDS)

    hold(holds, "a again", 3 * MB, 10, peer=NEXT, head=3 * MB)
    assert held(holds, 10) == 3 * MB
    hold(holds, "a again", 9 * MB, 10, peer=NEXT, head=9 * MB)
    assert held(holds, PATIENCE_SECONDS + LOST_SECONDS - 1) == 4 * MB
    assert held(holds, PATIENCE_SECONDS + LOST_SECONDS) == 9 * MB


def test_what_is_gone_holds_nobody_up() -> None:
    holds = Holds()
    hold(holds, "a", 2 * MB, 0)

    assert holds.most(2 * MB, 1) == 2 * MB + WINDOW_BYTES
    assert holds.most(2 * MB + 1, 1) == float("inf")


def test_any_number_of_readers_comes_and_goes() -> None:
    holds = Holds()
    for number in range(2 * READERS):
        hold(holds, str(number), 2 * MB, 0)
        hold(holds, str(number), 2 * MB, 0, peer=NEXT)
    holds.release(SERVER, b"unknown", 0)
    assert len(holds.readers) == READERS

    holds.lose(SERVER, 0)
    holds.lose(NEXT, 0)
    assert (len(holds.readers), len(holds.absent)) == (0, READERS)
