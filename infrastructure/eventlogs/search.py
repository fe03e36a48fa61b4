"""By which words sessions are found: what the index holds, how it is asked, how it is made anew.

The index splits text into words at all that is neither letter nor digit, and drops case and accents. Scripts that are
written without spaces are split at every character, by a space of no width that readers never see; a word of such a
script is then found as the sequence of its characters.
"""

import re
from collections.abc import Sequence
from unicodedata import category

import msgspec

from contracts.codec import decode_event, encode
from domain.texts import TEXT_TYPES, Texts
from infrastructure.eventlogs.schema import SEARCH, Execute, row_id

SPACE = "\u200b"
SNIPPET_WORDS = 24
MOST_QUERIES = 8
# Thai and its neighbours, Myanmar, Khmer, kana, Han, Hangul.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003ffff])"
)

INSERT = "REPLACE INTO search (rowid, text) VALUES (?, ?)"
ERASE = "DELETE FROM search WHERE rowid >= ? AND rowid <= ?"
MATCHING = "SELECT DISTINCT rowid >> 40 AS key FROM search WHERE search MATCH ?{number}"
INDEXED = "SELECT key, listing FROM sessions WHERE listing IS NOT NULL AND NOT quarantined"
SAID = "SELECT data FROM events WHERE id > ? AND id < ? AND type IN (SELECT value FROM json_each(?)) ORDER BY id"


def spaced(text: str) -> str:
    """Return a text as the index takes it."""
    return _UNSPACED.sub(rf"{SPACE}\1{SPACE}", text.replace(SPACE, ""))


def readable(snippet: str | None) -> str:
    """Return on one line what the index shows of a text."""
    return " ".join((snippet or "").replace(SPACE, "").split())


def queries(words: Sequence[str]) -> list[str]:
    """Return what the index is asked, a query for each word; a session that fits is found by all of them.

    A word of signs alone, which the index may not hold, stands in a neighbour's query: there it only counts if it is
    held. Words beyond the first few share a query, so that one text must hold them all.
    """
    phrases = ['"{}"'.format(spaced(word).replace('"', '""')) for word in words]
    phrases[-1] += " *"
    joined: list[str] = []
    signs = ""
    for word, phrase in zip(words, phrases, strict=True):
        is_word = any(category(character)[0] in "LN" for character in word)
        if is_word and len(joined) < MOST_QUERIES:
            joined.append(signs + phrase)
            signs = ""
        elif joined:
            joined[-1] += f" {phrase}"
        else:
            signs += f"{phrase} "
    return joined or [signs]


def index_everything(execute: Execute) -> int:
    """Make the index anew from what the log holds; return the number of texts. Runs in the caller's transaction."""
    execute("DROP TABLE IF EXISTS search")
    execute(SEARCH)
    count = 0
    for key, listing in execute(INDEXED).fetchall():
        title = msgspec.json.decode(listing)["title"]
        if title:
            execute(INSERT, (row_id(key, 0), spaced(title)))
            count += 1
        count += _index_session(execute, key)
    execute("UPDATE meta SET indexed = 1")
    return count


def _index_session(execute: Execute, key: int) -> int:
    texts, count = Texts(), 0

    def blob(blob_id: str) -> str:
        found = execute("SELECT data FROM blobs WHERE session = ? AND blob_id = ?", (key, blob_id)).get
        return "" if found is None else found.decode(errors="replace")

    bounds = row_id(key, 0), row_id(key + 1, 0), encode(sorted(TEXT_TYPES)).decode()
    for (data,) in execute(SAID, bounds):
        try:
            event = decode_event(data)
        except msgspec.DecodeError:  # damaged: whoever reads it is told
            continue
        for text in texts.take((event,), blob):
            execute(INSERT, (row_id(key, text.seq), spaced(text.text)))
            count += 1
    return count
