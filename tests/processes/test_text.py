import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infrastructure.processes.text import json_bytes, pieces, utf8_decoder

ANY = st.text(st.characters(exclude_categories=["Cs"]))


def encoded(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode()) - 2


@pytest.mark.parametrize("cut", range(12))
def test_a_character_cut_in_two_comes_out_whole(cut: int) -> None:
    data = "aé€😀\n".encode()
    decoder = utf8_decoder()

    assert decoder.decode(data[:cut]) + decoder.decode(data[cut:]) == "aé€😀\n"


def test_what_is_not_utf8_is_replaced_and_nothing_else_is_lost() -> None:
    decoder = utf8_decoder()

    assert decoder.decode(b"a\xffb\xc3(c\xe2\x82") == "a\ufffdb\ufffd(c"
    assert decoder.decode(b"", final=True) == "\ufffd"


@given(ANY)
def test_a_size_is_what_json_takes(text: str) -> None:
    assert json_bytes(text) == encoded(text)


@given(ANY, st.integers(6, 50))
def test_pieces_fit_and_join_to_the_text(text: str, most: int) -> None:
    cut = list(pieces(text, most))

    assert "".join(cut) == text
    assert all(piece and encoded(piece) <= most for piece in cut)


def test_text_that_fits_stays_in_one_piece() -> None:
    assert list(pieces("x" * 100, 100)) == ["x" * 100]
    assert list(pieces("", 100)) == []
