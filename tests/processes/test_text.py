import pytest

from infrastructure.processes.text import utf8_decoder


@pytest.mark.parametrize("cut", range(12))
def test_a_character_cut_in_two_comes_out_whole(cut: int) -> None:
    data = "aé€😀\n".encode()
    decoder = utf8_decoder()

    assert decoder.decode(data[:cut]) + decoder.decode(data[cut:]) == "aé€😀\n"


def test_what_is_not_utf8_is_replaced_and_nothing_else_is_lost() -> None:
    decoder = utf8_decoder()

    assert decoder.decode(b"a\xffb\xc3(c\xe2\x82") == "a\ufffdb\ufffd(c"
    assert decoder.decode(b"", final=True) == "\ufffd"
