"""A terminal's output for another terminal: what would make that one answer, or reach past its window, is left out.

Towpath's server answers queries; if the viewer's terminal did too, its answer would be typed into the shell. The
clipboard, notifications, files, images and links to anything but the web are not a program's business here.
"""

import re

LONGEST_BYTES = 256 * 1024  # of a sequence; longer ones are left out, and nothing that follows waits for their end

_CONTROLS = rb"\x00-\x17\x19\x1c-\x1f"  # carried out within a sequence, by most terminals (ECMA-48 leaves it open)
_SPECIAL = re.compile(rb"\x1b|\x05|\xc2(?:[\x80-\x9f]|\Z)")
_SEQUENCE = re.compile(
    rb"\x1b[%(c)s]*(?:"
    rb"\[(?P<csi>[%(c)s -?\x7f]*(?:[@-~]|(?P<broken>(?=[\x18\x1a\x1b\x80-\xff]))))"
    rb"|\](?P<osc>[^\x07\x18\x1a\x1b]*)(?:(?P<whole>\x07|\x1b\\)|[\x18\x1a]|(?=\x1b[^\\]))"
    rb"|[PX^_][^\x18\x1a\x1b]*(?:\x1b\\|[\x18\x1a]|(?=\x1b[^\\]))"
    rb"|(?P<esc>[%(c)s -/]*[0-OQ-WYZ\\`-~])"
    rb"|(?=[\x18\x1a\x1b\x7f-\xff]))" % {b"c": _CONTROLS}
)
_STRING_END = re.compile(rb"[\x07\x18\x1a\x1b]")
_ALL_CONTROLS = bytes({*range(0x20)} - {0x1B})
# Device attributes, status, DECREQTPARM; DECRQM; XTVERSION; window reports (22 and 23 keep titles); kitty's keyboard;
# checksums, presentation state; graphics; modifyOtherKeys.
_QUERY = re.compile(
    rb"[0-?]*c|[0-?]*n|[0-9;]*x|[0-?]*\$p|>[0-9;]*q|(?!2[23](?:;|t))[0-?]*t|\?u|[0-?]*\*y|[0-?]*\$[uw]|[0-?]*&u"
    rb"|\?[0-9;]*[Sm]"
)
_REPORTING_MODES = {b"2031", b"2048"}  # colour scheme, size in band: the terminal would tell by itself
_MODES = re.compile(rb"\?([0-9;]+)[hl]")
# Titles, colours, links, shell marks; the rest is left out.
_COMMANDS = {b"0", b"1", b"2", b"4", b"8", b"10", b"11", b"12", b"104", b"110", b"111", b"112", b"133"}
_LINK = re.compile(rb"8;[^;]*;(?:https?://.*|mailto:.*)?", re.IGNORECASE | re.DOTALL)


class Filter:
    """Takes output in pieces, cut anywhere."""

    def __init__(self) -> None:
        self._held = b""
        self._endless = False

    def feed(self, data: bytes) -> bytes:
        """Return what may be shown; the beginning of a sequence waits for its end."""
        data = self._held + data
        self._held = b""
        out: list[bytes] = []
        at = 0
        if self._endless:
            end = _STRING_END.search(data)
            if end is None:
                return b""
            self._endless, at = False, end.start()
        while special := _SPECIAL.search(data, at):
            out.append(data[at : special.start()])
            at = special.end()
            if special[0] == b"\xc2":
                self._held = special[0]
            elif special[0] == b"\x1b":
                at = special.start()
                if (sequence := _SEQUENCE.match(data, at)) is None:
                    self._hold(data[at:])
                    return b"".join(out)
                out.append(_allowed(sequence))
                at = sequence.end()
        out.append(data[at:])
        return b"".join(out)

    def _hold(self, rest: bytes) -> None:
        self._endless = len(rest) > LONGEST_BYTES
        self._held = b"" if self._endless else rest


def _allowed(sequence: re.Match[bytes]) -> bytes:
    found = sequence[0]
    controls = found.translate(None, bytes({*range(256)} - {*_ALL_CONTROLS}))
    if sequence["osc"] is not None:
        return found if sequence["whole"] is not None and _commands_no_more(sequence["osc"]) else b""
    kept = b"\x1b" + found[1:].translate(None, _ALL_CONTROLS)
    if sequence["csi"] is not None and sequence["broken"] is None:
        csi = kept[2:]
        if _QUERY.fullmatch(csi):
            return controls
        if (modes := _MODES.fullmatch(csi)) and _REPORTING_MODES & {*modes[1].split(b";")}:
            return controls
        return controls + kept
    if sequence["esc"] is not None and kept not in {b"\x1bZ", b"\x1b\\"}:
        return controls + kept
    return b""


def _commands_no_more(osc: bytes) -> bool:
    """Tell whether an operating system command only does what a viewer expects."""
    number, _, rest = osc.partition(b";")
    if number not in _COMMANDS or any(byte < 0x20 for byte in osc) or _SPECIAL.search(osc):
        return False
    if number == b"8":
        return _LINK.fullmatch(osc) is not None
    return number in {b"0", b"1", b"2"} or b"?" not in rest
