"""What may run without asking, what a human is asked about, and what may not run: rules, and what they match."""

import posixpath
import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from contracts.views import Rule
from domain.ids import SessionId
from domain.words import Pattern, same_command

Effect = Literal["allow", "ask", "deny"]
PROMPT, OPERATION, TOOL = "prompt", "operation", "tool"
"""Kinds of actions: what a human types into a shell, a command that a plan holds, a tool of which no more is known.

Agents name the kinds of their tools.
"""


class Action(Struct, frozen=True, kw_only=True):
    """What is about to happen: a command in a directory, or what a tool does to some paths."""

    session_id: SessionId
    project_id: str | UnsetType = UNSET
    mode: str
    kind: str
    command: str | None = None
    working_dir: str
    paths: Sequence[str] = ()


class Verdict(Struct, frozen=True):
    """What is to be done, and the rule that says so; without one it is what holds by default."""

    effect: Effect
    rule: Rule | None = None


class Policy:
    """The configured rules, and how remembered answers stand beside them.

    What forbids wins over remembered answers, wherever it stands; those win over what asks. Else the first configured
    rule that matches decides. Where no rule does, a prompt runs and everything else is asked.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        """Take the configured rules in their order. Raises ValueError for one that can't be meant."""
        self.rules = tuple(rules)
        self._matchers = [_Matcher(rule) for rule in rules]

    def judge(self, action: Action, remembered: Sequence[Rule]) -> Verdict:
        """Say what is to be done about an action."""
        matching = [matcher.rule for matcher in self._matchers if matcher.matches(action)]
        first = matching[0] if matching else None
        answers = [rule for rule in remembered if _remembers(rule, action)]
        denied = next((rule for rule in answers if rule.effect == "deny"), None)
        if denied is not None:
            return Verdict("deny", denied)
        if answers and not any(rule.effect == "deny" for rule in matching):
            return Verdict("allow", answers[0])
        if first is not None:
            return Verdict(first.effect, first)
        return Verdict("allow" if action.kind == PROMPT else "ask")


class _Matcher:
    """One configured rule. What allows matches strictly, what asks or forbids loosely."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._strict = rule.effect == "allow"
        self._command = None if rule.command is UNSET else Pattern(rule.command, allowing=self._strict)
        self._path = None if rule.path is UNSET else _path_pattern(rule.path)
        self._directory = None if rule.working_dir is UNSET else _path_pattern(rule.working_dir)

    def matches(self, action: Action) -> bool:
        rule = self.rule
        return (
            (rule.mode is UNSET or fnmatchcase(action.mode, rule.mode))
            and (rule.kind is UNSET or fnmatchcase(action.kind, rule.kind))
            and (self._directory is None or self._directory.fullmatch(action.working_dir) is not None)
            and (self._command is None or self._matches_command(self._command, action.command))
            and (self._path is None or self._matches_paths(self._path, action))
        )

    def _matches_command(self, pattern: Pattern, command: str | None) -> bool:
        if command is None:
            return False
        return pattern.allows(command) if self._strict else pattern.forbids(command)

    def _matches_paths(self, pattern: re.Pattern[str], action: Action) -> bool:
        """Say whether the paths match: all that is touched for what allows, anything for what asks or forbids."""
        paths = [posixpath.normpath(posixpath.join(action.working_dir, path)) for path in action.paths]
        if not pattern.pattern.startswith("/"):
            paths = [posixpath.relpath(path, action.working_dir) for path in paths]
        matching = [pattern.fullmatch(path) is not None for path in paths]
        if self._strict:
            climbs = any(".." in path.split("/") for path in (*paths, *action.paths))
            return bool(matching) and all(matching) and not climbs
        return any(matching)


def _path_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern over a path: `*` stays within a name, `**` does not, and `/**` at the end is the place too."""
    if not text:
        raise ValueError("a path pattern is not empty")
    tail = "(?:/.*)?" if text.endswith("/**") else ""
    parts = re.split(r"(\*\*|\*|\?)", text.removesuffix("/**") if tail else text)
    meanings = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in parts) + tail, re.DOTALL)


def _remembers(rule: Rule, action: Action) -> bool:
    """Say whether a remembered answer is about this action: the very command, asked for in the same way and place."""
    here = rule.for_session == action.session_id or (
        rule.for_project is not UNSET and rule.for_project == action.project_id
    )
    if not here or action.command is None or rule.command is UNSET or rule.kind not in (UNSET, action.kind):
        return False
    if rule.effect == "deny":
        return same_command(rule.command, action.command)
    return rule.command == action.command and rule.working_dir == action.working_dir
