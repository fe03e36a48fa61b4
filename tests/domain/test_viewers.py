from domain.viewers import Size, Viewers, smallest

SMALL, TALL, WIDE = Size(40, 20), Size(80, 60), Size(200, 24)


def viewers(**sizes: Size) -> Viewers:
    looking = Viewers()
    for viewer_id, size in sizes.items():
        looking.enter(viewer_id)
        looking.ask(viewer_id, size, control=None)
    return looking


def test_what_fits_all_is_the_smallest_each_way() -> None:
    assert smallest([TALL, WIDE]) == Size(80, 24)
    assert smallest([]) is None


def test_the_smallest_viewer_counts_until_it_leaves() -> None:
    looking = viewers(a=TALL, b=SMALL)
    assert looking.size == SMALL

    looking.leave("b")
    assert looking.size == TALL

    looking.leave("a")
    assert looking.size is None


def test_who_takes_control_decides_until_it_gives_up() -> None:
    looking = viewers(a=TALL, b=SMALL)
    looking.ask("a", WIDE, control=True)
    assert looking.size == WIDE

    looking.ask("b", SMALL, control=None)
    looking.ask("b", SMALL, control=False)
    assert looking.size == WIDE

    looking.ask("a", TALL, control=None)
    assert looking.size == TALL

    looking.ask("a", TALL, control=False)
    assert looking.size == SMALL


def test_control_ends_with_the_last_stream_of_who_has_it() -> None:
    looking = viewers(a=TALL, b=SMALL)
    looking.enter("a")
    looking.ask("a", WIDE, control=True)

    looking.leave("a")
    assert looking.size == WIDE

    looking.leave("a")
    assert looking.size == SMALL


def test_the_last_to_take_control_has_it() -> None:
    looking = viewers(a=TALL, b=SMALL)
    looking.ask("a", TALL, control=True)
    looking.ask("b", WIDE, control=True)

    looking.ask("a", TALL, control=False)

    assert looking.size == WIDE


def test_who_does_not_look_leaves_no_trace() -> None:
    looking = viewers(a=TALL)
    looking.ask("stray", SMALL, control=True)
    assert looking.size == SMALL

    looking.ask("a", TALL, control=None)
    assert looking.size == TALL


def test_who_does_not_look_changes_nothing_while_another_has_control() -> None:
    looking = viewers(a=TALL)
    looking.ask("a", TALL, control=True)
    looking.ask("stray", SMALL, control=None)
    assert looking.size == TALL

    looking.ask("a", TALL, control=False)
    assert looking.size == TALL
