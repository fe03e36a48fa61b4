"""Which rule decides, and what it matches beside the command's words."""

from typing import Any

import pytest

from contracts.views import Rule
from domain.ids import SessionId
from domain.policy import OPERATION, PROMPT, Action, Policy

SESSION, OTHER, PROJECT = SessionId("session-1"), SessionId("session-2"), "project-1"


def rule(effect: Any, **members: Any) -> Rule:
    return Rule(rule_id="configured_1", source="configured", effect=effect, **members)


def answer(effect: Any, command: str, **members: Any) -> Rule:
    where = {"for_session": SESSION, "kind": PROMPT, "working_dir": "/srv/a"} | members
    return Rule(rule_id="rule-0001", source="remembered", effect=effect, command=command, **where)


def judged(rules: list[Rule], *remembered: Rule, **members: Any) -> str:
    about: dict[str, Any] = {"mode": "shell", "kind": PROMPT, "command": "make", "working_dir": "/srv/a", **members}
    return Policy(rules).judge(Action(session_id=SESSION, project_id=PROJECT, **about), remembered).effect


def test_without_rules_a_prompt_runs_and_all_else_is_asked() -> None:
    assert judged([]) == "allow"
    assert judged([], kind=OPERATION) == "ask"
    assert judged([], kind="execute", mode="claude") == "ask"
    assert judged([], kind="edit", command=None, paths=["x"]) == "ask"


def test_the_first_configured_rule_that_matches_decides() -> None:
    rules = [rule("allow", command="git status"), rule("ask", command="git *"), rule("deny", mode="shell")]

    assert judged(rules, command="git status") == "allow"
    assert judged(rules, command="git push") == "ask"
    assert judged(rules, command="ls") == "deny"
    assert judged(rules, command="git status; ls") == "ask"


@pytest.mark.parametrize(
    ("rules", "remembered", "expected"),
    [
        ([], [answer("allow", "make")], "allow"),
        ([rule("ask", command="make *")], [answer("allow", "make")], "allow"),
        ([rule("deny", command="make *")], [answer("allow", "make")], "deny"),
        ([rule("ask"), rule("deny", command="make *")], [answer("allow", "make")], "ask"),
        ([rule("allow", command="make")], [answer("deny", "make")], "deny"),
        ([], [answer("allow", "make"), answer("deny", "make")], "deny"),
    ],
)
def test_what_forbids_wins_over_what_is_remembered_and_that_over_what_asks(
    rules: list[Rule], remembered: list[Rule], expected: str
) -> None:
    assert judged(rules, *remembered) == expected


@pytest.mark.parametrize(
    "members",
    [
        {"command": "make all"},
        {"command": "make;"},
        {"command": " make"},
        {"working_dir": "/srv/a/b"},
        {"working_dir": "/srv"},
        {"kind": "execute"},
    ],
)
def test_a_remembered_yes_is_for_this_command_in_this_place_alone(members: dict[str, Any]) -> None:
    assert judged([rule("ask")], answer("allow", "make"), **members) == "ask"


def test_a_remembered_answer_holds_in_its_session_or_project_alone() -> None:
    ask = [rule("ask")]

    assert judged(ask, answer("allow", "make", for_session=OTHER)) == "ask"
    assert judged(ask, answer("allow", "make", for_session="", for_project=PROJECT)) == "allow"
    assert judged(ask, answer("allow", "make", for_session="", for_project="project-2")) == "ask"


def test_a_remembered_no_is_also_for_what_holds_the_command() -> None:
    assert judged([], answer("deny", "make x"), command="cd y && make 'x'", working_dir="/elsewhere") == "deny"


@pytest.mark.parametrize(
    ("pattern", "directory", "matches"),
    [
        ("/srv/a", "/srv/a", True),
        ("/srv/a", "/srv/a/b", False),
        ("/srv/a", "/srv/ab", False),
        ("/srv/*", "/srv/a", True),
        ("/srv/*", "/srv/a/b", False),
        ("/srv/**", "/srv/a/b", True),
        ("/srv/**", "/srv", True),
        ("/srv/**", "/srv2", False),
        ("/srv/?", "/srv/a", True),
        ("/srv/.", "/srv/a", False),
        ("/srv/a", "/srv/a\n", False),
    ],
)
def test_a_directory_matches_its_pattern_whole(pattern: str, directory: str, *, matches: bool) -> None:
    assert (judged([rule("deny", working_dir=pattern)], working_dir=directory) == "deny") is matches


@pytest.mark.parametrize(
    ("pattern", "paths", "allowed", "forbidden"),
    [
        ("src/**", ["src/a.py"], True, True),
        ("src/**", ["src/a.py", "README"], False, True),
        ("src/**", ["/srv/a/src/b"], True, True),
        ("src/**", ["src/../x"], False, False),
        ("src/**", ["x/../src/y"], False, True),
        ("**", ["../x"], False, True),
        ("/etc/**", ["../../etc/passwd"], False, True),
        ("/etc/**", ["/etc/passwd"], True, True),
        ("*.py", ["a.py"], True, True),
        ("*.py", ["b/a.py"], False, False),
        ("src/**", [], False, False),
    ],
)
def test_paths_match_all_to_be_allowed_and_any_to_be_forbidden(
    pattern: str, paths: list[str], *, allowed: bool, forbidden: bool
) -> None:
    assert (judged([rule("allow", path=pattern)], kind="edit", command=None, paths=paths) == "allow") is allowed
    assert (judged([rule("deny", path=pattern)], kind="edit", command=None, paths=paths) == "deny") is forbidden


def test_a_rule_for_a_command_is_not_for_what_has_none() -> None:
    assert judged([rule("deny", command="*")], kind="edit", command=None) == "ask"


def test_mode_and_kind_are_patterns_too() -> None:
    rules = [rule("deny", mode="cl*", kind="e*")]

    assert judged(rules, mode="claude", kind="execute") == "deny"
    assert judged(rules, mode="claude", kind="read") == "ask"
    assert judged(rules, mode="shell", kind="execute") == "ask"


@pytest.mark.parametrize("members", [{"command": "sudo *"}, {"command": ""}, {"path": ""}, {"working_dir": ""}])
def test_a_rule_that_can_not_be_meant_is_refused(members: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"program|pattern"):
        Policy([rule("allow", **members)])
