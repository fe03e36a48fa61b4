"""What the decoder says of a value, as one would tell somebody who does not know its types."""

import re

from contracts.events import ID_PATTERN
from contracts.requests import LINE_PATTERN, MEDIA_TYPE_PATTERN, PROMPT_PATTERN, TEXT_PATTERN

TYPES = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "str": "text",
    "bytes": "text in base64",
    "null": "null",
    # of a union's tag it speaks in Python's words
    "dict": "an object",
    "list": "a list",
}
ID_TEXT = "Ids match {}.".format(ID_PATTERN.removesuffix(r"(?!\n)"))
_PATTERNS = {
    ID_PATTERN: ID_TEXT,
    PROMPT_PATTERN: "The prompt is empty, or it holds a NUL character.",
    LINE_PATTERN: "Control characters, line ends among them, are not allowed here.",
    MEDIA_TYPE_PATTERN: "A media type is of the form type/subtype.",
    TEXT_PATTERN: "NUL characters are not allowed here.",
}
_BOUNDS = {"<=": "at most", ">=": "at least", "<": "less than", ">": "more than"}
_WRONG_TYPE = re.compile(r"Expected `([a-z |]+)`(?:, got `([a-z]+)`)?\Z")
_WRONG_LENGTH = re.compile(r"Expected `(str|array)` of length ([<>]=?) (\d+)\Z")
_WRONG_NUMBER = re.compile(r"Expected `(?:int|float)` ([<>]=?) (\S+)\Z")
_MEMBER = re.compile(r"Object (missing required|contains unknown) field `(.*?)`?\Z", re.DOTALL)
_WRONG_VALUE = re.compile(r"Invalid (?:enum )?value (.*)\Z", re.DOTALL)
SHOWN_CHARACTERS = 100


def in_words(message: str, subject: str) -> str:
    """Return the decoder's *message* about *subject* ("The body", "`title`") as a sentence."""
    if match := _WRONG_TYPE.match(message):
        wanted = " or ".join(TYPES[name] for name in match[1].split(" | "))
        return f"{subject} must be {wanted}" + (f", not {TYPES[match[2]]}." if match[2] else ".")
    if match := _WRONG_LENGTH.match(message):
        unit = "character" if match[1] == "str" else "item"
        return f"{subject} must have {_BOUNDS[match[2]]} {match[3]} {unit}{'' if match[3] == '1' else 's'}."
    if match := _WRONG_NUMBER.match(message):
        return f"{subject} must be {_BOUNDS[match[1]]} {match[2]}."
    if match := _WRONG_VALUE.match(message):
        return f"{subject} can't be {match[1][:SHOWN_CHARACTERS]}; /docs lists what it can be."
    if name := member_of(message):
        missing = message.startswith("Object missing")
        return (
            f"{subject} lacks `{name}`." if missing else f"{subject} can't have `{name}`; /docs lists what it can have."
        )
    return next((text for pattern, text in _PATTERNS.items() if repr(pattern) in message), message)


def member_of(message: str) -> str:
    """Return the member that a *message* about an object names as missing or unknown, "" if it is about another."""
    match = _MEMBER.match(message)
    return match[2][:SHOWN_CHARACTERS] if match else ""
