"""Contracts to test with: `make` builds any of them at random, the others take keywords for what a test is about."""

from typing import Any, TypeVar

from msgspec import Struct
from polyfactory.factories.msgspec_factory import MsgspecFactory
from typing_extensions import override

from contracts.events import (
    CommandSent,
    SessionCreated,
    SessionOutput,
    SessionStatus,
    TurnCompleted,
    TurnStarted,
)
from contracts.requests import CreateSession, SubmitPrompt

T = TypeVar("T", bound=Struct)

SESSION_ID = "u4k7wq2mzr5tdn4xbaocl6jhye"
TURN_ID = "7hq2vjx4c3m5n6wzr2tbkd4ypa"


class ContractFactory(MsgspecFactory[T]):
    """Draws again where a request's members depend on each other and a draw does not fit."""

    __is_base_factory__ = True

    @override
    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> T:
        while True:
            try:
                return super().build(*args, **kwargs)
            except ValueError:
                if not getattr(cls.__model__, "forms", ()):
                    raise


def make(struct: type[T], *, seed: int, **members: Any) -> T:
    """Return a valid *struct*; the same seed makes the same one."""
    factory = ContractFactory.create_factory(struct)
    factory.seed_random(seed)
    return factory.build(**members)


def make_created(*, mode: str = "shell", working_dir: str = "/srv/project", **members: Any) -> SessionCreated:
    return SessionCreated(mode=mode, working_dir=working_dir, **{"title": "", **members})


def make_status(status: Any = "idle", **members: Any) -> SessionStatus:
    return SessionStatus(status=status, **members)


def make_sent(*, command: str = "echo hello", turn_id: str = TURN_ID, **members: Any) -> CommandSent:
    return CommandSent(command=command, turn_id=turn_id, **{"delivery": "queue", **members})


def make_started(*, turn_id: str = TURN_ID, **members: Any) -> TurnStarted:
    return TurnStarted(turn_id=turn_id, **members)


def make_output(*, text: str = "hello\n", stream: Any = "stdout", **members: Any) -> SessionOutput:
    return SessionOutput(content=text, stream=stream, **members)


def make_completed(*, stop_reason: Any = "end", turn_id: str = TURN_ID, **members: Any) -> TurnCompleted:
    return TurnCompleted(stop_reason=stop_reason, turn_id=turn_id, **members)


def make_create(*, mode: str = "shell", **members: Any) -> CreateSession:
    return CreateSession(mode=mode, **members)


def make_prompt(command: str = "echo hello", **members: Any) -> SubmitPrompt:
    return SubmitPrompt(command=command, **members)
