"""Questions, answered in the terminal in which they are shown."""

import os
import sys
import threading

from api.commands.connection import speak
from api.commands.target import Target
from api.failures import Failure
from api.render import Screen
from contracts.codec import decoder
from contracts.events import ApprovalConfirmed, ApprovalExpired, ApprovalRequest, Event
from contracts.requests import AnswerApproval
from contracts.views import ApprovalAnswered

_LINE_BYTES = 4096
_YES = {"y": True, "yes": True, "n": False, "no": False}
_decode = decoder(ApprovalAnswered)


class Answers:
    """Takes lines of the standard input as answers, each for the oldest question that stands.

    Only where a human sits at both ends of this terminal: else whatever is piped in would answer.
    """

    def __init__(self, target: Target, session_id: str, screen: Screen) -> None:
        self._target = target
        self._session_id = session_id
        self._screen = screen
        self._open: dict[str, None] = {}
        self._reading = False

    def note(self, event: Event) -> None:
        """Take note of a question, or that one is closed."""
        match event:
            case ApprovalRequest(approval_id=approval_id) if _at_terminal():
                self._open[approval_id] = None
                self._screen.note("      or type y or n")
                if not self._reading:
                    self._reading = True
                    threading.Thread(target=self._read, daemon=True).start()
            case ApprovalConfirmed(approval_id=approval_id) | ApprovalExpired(approval_id=approval_id):
                self._open.pop(approval_id, None)

    def _read(self) -> None:
        # not by sys.stdin: a thread that waits there holds a lock that the interpreter needs at its end
        while data := os.read(0, _LINE_BYTES):
            approved = _YES.get(data.decode(errors="replace").strip().lower())
            approval_id = next(iter(self._open), None)
            if approval_id is None:
                continue
            if approved is None:
                self._screen.note("type y or n")
            else:
                self._answer(approval_id, approved=approved)

    def _answer(self, approval_id: str, *, approved: bool) -> None:
        path = f"/api/session/{self._session_id}/approvals/{approval_id}"
        body = AnswerApproval(approved=approved)
        try:
            speak(self._target, lambda client: client.post(path, body, _decode))
        except Failure as failure:
            self._screen.note(failure.format_message())


def _at_terminal() -> bool:
    """Say whether a human sees the questions and types to us, not to a program in front of us."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.tcgetpgrp(0) == os.getpgrp()
