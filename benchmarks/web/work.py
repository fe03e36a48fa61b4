"""What an agent does, over and over: the mix of events that the pages are measured with. Standard library only.

Updates of the Agent Client Protocol, so that a log can be filled and an agent can speak from one script. A piece of
work is some 110 updates: a plan, a thought, tools with their output and a diff, an answer with a list and code.
"""

import random
from collections.abc import Iterator
from typing import Any

Update = dict[str, Any]

SENTENCE = (
    "the log is read from a cursor and what it holds is shown while more comes so nothing waits for a page that has "
    "to be laid out before somebody scrolls to where it stands among other rows of the same session"
)
WORDS = SENTENCE.split()
NEEDLE = "needle-in-the-first-turn"
CODE = "def measure(rows: list[int]) -> int:\n    return sum(row * row for row in rows if row)\n"
FILES = [f"src/towpath/part_{number}.py" for number in range(40)]


def pieces(kind: str, message: str, text: str) -> Iterator[Update]:
    """Say a text as agents do: a few words at a time."""
    words = text.split(" ")
    for first in range(0, len(words), 4):
        piece = " ".join(words[first : first + 4]) + " "
        yield {"sessionUpdate": kind, "messageId": message, "content": {"type": "text", "text": piece}}


def tool(number: int, place: int, choice: random.Random) -> Iterator[Update]:
    call = {"toolCallId": f"call-{number}-{place}"}
    path = choice.choice(FILES)
    title, kind = [("make check", "execute"), (f"Read {path}", "read"), (f"Edit {path}", "edit")][place % 3]
    yield {"sessionUpdate": "tool_call", **call, "title": title, "kind": kind, "status": "pending"}
    given = {"command": title} if kind == "execute" else {"path": path}
    yield {"sessionUpdate": "tool_call_update", **call, "status": "in_progress", "rawInput": given}
    if kind == "execute":
        for part in range(4):
            lines = "".join(f"\x1b[32m✓\x1b[0m {path}:{part}{line} passed\n" for line in range(6))
            yield {"sessionUpdate": "output", **call, "text": lines}
    content: list[Any] = [{"type": "content", "content": {"type": "text", "text": f"{title}: done\n" * 3}}]
    if kind == "edit" and number % 5 == 0:
        content = [{"type": "diff", "path": path, "oldText": CODE, "newText": CODE.replace("row * row", "row**2")}]
    yield {"sessionUpdate": "tool_call_update", **call, "status": "completed", "content": content}


def piece_of_work(number: int) -> Iterator[Update]:
    """Yield the updates of one; the same for the same number."""
    choice = random.Random(number)

    def prose(words: int) -> str:
        return " ".join(choice.choices(WORDS, k=words))

    steps = ["Look", "Change", "Check"]
    for done in range(len(steps)):
        entries = [
            {"content": f"{step} at {prose(3)}", "status": "completed" if place < done else "pending"}
            for place, step in enumerate(steps)
        ]
        yield {"sessionUpdate": "plan", "entries": entries}
        yield from pieces("agent_thought_chunk", f"thought-{number}-{done}", prose(32))
        for place in range(3):
            yield from tool(number, 3 * done + place, choice)
        yield {"sessionUpdate": "usage_update", "used": 1000 + number * 10 + done, "size": 1_000_000}
    answer = (
        f"## Part {number}\n\n{prose(60)}.\n\n- {prose(8)}\n- **{prose(4)}** and `{prose(2)}`\n\n"
        f"```python\n{CODE}```\n\n{prose(40)}.\n\n{NEEDLE if number == 0 else ''}\n"
    )
    yield from pieces("agent_message_chunk", f"answer-{number}", answer)
