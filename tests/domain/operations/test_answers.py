"""Answers as models write them, whole and in pieces."""

import os
import random
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.json import Decoder

from contracts.events import Operation
from domain.operations.parsing import Finder, Found, find

ANSWERS = sorted(Path(__file__).with_name("answers").glob("*.md"), key=lambda path: path.stem)
CUTS = int(os.environ.get("ANSWER_CUTS", "140"))  # of each answer; 140 are 10,000 in all

decode = Decoder(list[Operation]).decode
each_answer = pytest.mark.parametrize(
    "text", [path.read_bytes().decode() for path in ANSWERS], ids=[path.stem for path in ANSWERS]
)


def found_in(pieces: list[str]) -> list[Found]:
    finder = Finder()
    return [found for piece in pieces for found in finder.feed(piece)] + finder.close()


def cut(text: str, dice: random.Random) -> list[str]:
    places = sorted(dice.choices(range(len(text) + 1), k=dice.randint(1, 12)))
    return [text[start:end] for start, end in zip([0, *places], [*places, len(text)], strict=True)]


@pytest.mark.parametrize("path", ANSWERS, ids=[path.stem for path in ANSWERS])
def test_finds_what_is_proposed_and_nothing_else(path: Path) -> None:
    operations = [found.operation for found in find(path.read_bytes().decode())]

    assert operations == decode(path.with_suffix(".json").read_bytes())


def test_there_are_sixty_answers_with_what_they_propose() -> None:
    assert len(ANSWERS) >= 60
    assert {path.stem for path in ANSWERS} == {path.stem for path in ANSWERS[0].parent.glob("*.json")}


@each_answer
def test_cuts_change_nothing(text: str) -> None:
    dice = random.Random(text)
    whole = find(text)

    for _ in range(CUTS):
        pieces = cut(text, dice)
        assert found_in(pieces) == whole, pieces
    assert found_in(list(text)) == whole


@each_answer
def test_what_is_found_early_stays_found(text: str) -> None:
    whole, finder, found = find(text), Finder(), []

    for number, character in enumerate(text, 1):
        found += finder.feed(character)
        assert found == whole[: len(found)]
        # What no whole line follows may yet turn out otherwise.
        certain = [each for each in find(text[:number]) if "\n" in text[each.end : number]]
        assert certain == whole[: len(certain)]
    assert found + finder.close() == whole


@each_answer
def test_a_range_is_the_block_that_proposes(text: str) -> None:
    ranges = sorted({(found.start, found.end) for found in find(text)})

    assert all(text[start:end].lstrip(" `~*<-di") for start, end in ranges)
    assert all(first[1] <= second[0] for first, second in pairwise(ranges))
    rest = list(text)
    for start, end in reversed(ranges):
        rest[start:end] = "\n\nprose\n\n"
    assert find("".join(rest)) == []
