"""An agent of fixed lines that looks like work: for pictures of pages. Runs as an agent over ACP, by its path."""

import sys
from pathlib import Path

from infrastructure.agents import demo
from infrastructure.agents.demo import Turn

FILE = "harbour/retry.py"
BEFORE = '''\
"""Tries again what may work the second time."""

import time
from collections.abc import Callable

SECONDS = 0.2


def retry[T](work: Callable[[], T], *, times: int = 3) -> T:
    for attempt in range(times):
        try:
            return work()
        except OSError:
            time.sleep(SECONDS * attempt)
    raise TimeoutError
'''
AFTER = '''\
"""Tries again what may work the second time."""

import time
from collections.abc import Callable

SECONDS = 0.2


def retry[T](work: Callable[[], T], *, times: int = 3) -> T:
    for attempt in range(1, times + 1):
        try:
            return work()
        except OSError:
            if attempt == times:
                raise
            time.sleep(SECONDS * attempt)
    raise ValueError("times is at least 1")
'''
FAILED = """\
\x1b[1m============================= test session starts ==============================\x1b[0m
collected 42 items

tests/test_client.py ....................                                \x1b[32m[ 47%]\x1b[0m
tests/test_retry.py ..\x1b[31mF\x1b[0m...................                                \x1b[32m[100%]\x1b[0m

\x1b[31mFAILED\x1b[0m tests/test_retry.py::\x1b[1mtest_the_last_error_is_told\x1b[0m - TimeoutError
\x1b[31m\x1b[1m1 failed\x1b[0m, \x1b[32m41 passed\x1b[0m\x1b[31m in 1.93s\x1b[0m
"""
PASSED = """\
collected 42 items

tests/test_client.py ....................                                \x1b[32m[ 47%]\x1b[0m
tests/test_retry.py ......................                               \x1b[32m[100%]\x1b[0m

\x1b[32m\x1b[1m42 passed\x1b[0m\x1b[32m in 1.78s\x1b[0m
"""
FOUND = """\
The build fails in `test_the_last_error_is_told`: after the last attempt `retry` throws away **what went wrong** and \
raises a bare `TimeoutError`. Two things are not right there:

1. the last error is swallowed, so the log says nothing about the refused connection
2. the first pause is `0.2 * 0`, which is none at all
"""
DONE = """\
All 42 tests pass. `retry` now gives the last error to its caller and waits before the second attempt too:

```python
for attempt in range(1, times + 1):
    try:
        return work()
    except OSError:
        if attempt == times:
            raise  # the caller sees what went wrong
        time.sleep(SECONDS * attempt)
```

| attempt | waited before | waits now |
| --- | --- | --- |
| 2 | 0.0 s | 0.2 s |
| 3 | 0.2 s | 0.4 s |

`harbour/client.py` catches `TimeoutError` in two places; neither can be reached any more. Shall I take them out?
"""
PLAN = ("See which test fails", "Mend retry()", "Run all tests", "Push the branch")


def story(turn: Turn, said: str) -> None:
    """Find a bug, mend it, and ask before the branch is pushed."""
    directory = Path(turn.session.directory)
    path = directory / FILE
    turn.plan(*PLAN, done=0)
    turn.say("The nightly build ran the whole suite, so I begin with the tests and look for what waits.", thought=True)
    turn.say("I run the tests first.\n")
    command = "python -m pytest -q"
    tests = turn.tool(command, "execute", rawInput={"command": command})
    turn.progress(tests, "failed", FAILED)
    read = turn.tool(f"Read {FILE}", "read", locations=[{"path": str(path), "line": 9}], rawInput={"path": str(path)})
    turn.progress(read, "completed", BEFORE)
    turn.say(FOUND)
    turn.plan(*PLAN, done=1)
    edit = turn.tool(f"Edit {FILE}", "edit", locations=[{"path": str(path)}], rawInput={"path": str(path)})
    path.parent.mkdir(exist_ok=True)
    path.write_text(AFTER)
    turn.progress(edit, "completed", content=[{"type": "diff", "path": str(path), "oldText": BEFORE, "newText": AFTER}])
    turn.plan(*PLAN, done=2)
    again = turn.tool(command, "execute", rawInput={"command": command})
    turn.progress(again, "completed", PASSED)
    turn.plan(*PLAN, done=3)
    turn.say(DONE)
    turn.usage()
    if "push" not in said:
        return
    push = "git push --set-upstream origin mend-retry"
    given = {"command": push, "description": "Push the branch, so that the build runs again."}
    asked = turn.tool(push, "execute", rawInput=given)
    allowed = turn.allowed(asked, push, "execute", given)
    turn.progress(asked, "completed" if allowed else "failed", "" if allowed else "You said no.")


if __name__ == "__main__":
    demo.tour = story  # what any prompt of more than one word begins
    demo.main(sys.argv[1:])
