"""What a client may ask for: request bodies. Unknown members are an error.

Where members depend on each other, ``forms`` names the allowed combinations for the published schema (member to what
its schema is narrowed by; members in no form belong to all), and ``__post_init__`` refuses the others.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contracts.events import MAX_SAFE_INTEGER, Delivery, Identifier, TokenScope

# No control characters: these strings end up in listings, logs and titles of windows.
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
TEXT_PATTERN = r"^[^\x00]*$(?!\n)"
PROMPT_PATTERN = r"^[ \t\r\n]*[^\x00 \t\r\n][^\x00]*$(?!\n)"
BASE64_PATTERN = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$(?!\n)"
# As RFC 6838, 4.2 has it, without parameters.
MEDIA_TYPE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*$(?!\n)"
PROMPT_BYTES = 256 * 1024
PLAN_OPERATIONS = 500
CUSTOM_CHARACTERS = 8192  # in an event, where a character takes up to six bytes

Title = Annotated[str, Meta(max_length=200, pattern=LINE_PATTERN)]
Mode = Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE_PATTERN, examples=["shell"])]
Path = Annotated[str, Meta(min_length=1, max_length=4096, pattern=LINE_PATTERN)]
ProjectName = Annotated[str, Meta(min_length=1, max_length=80, pattern=LINE_PATTERN)]
AgentSessionId = Annotated[str, Meta(min_length=1, max_length=500, pattern=LINE_PATTERN)]
Isolation = Literal["none", "worktree"]
OperationPath = Annotated[str, Meta(min_length=1, max_length=4096, pattern=LINE_PATTERN, examples=["src/app.py"])]
OperationText = Annotated[str, Meta(pattern=TEXT_PATTERN)]
Secret = Annotated[str, Meta(min_length=1, max_length=256, pattern=LINE_PATTERN)]


class Request(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Base of request bodies."""

    forms: ClassVar[tuple[dict[str, dict[str, Any]], ...]] = ()


class CreateSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A new session: which agent profile, in which directory (default: its project's, or the first workspace root).

    With a project, relative paths begin at its root directory, and the working directory lies in it.
    """

    mode: Mode
    working_dir: Path | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    project_id: Identifier | UnsetType = UNSET
    isolation: Isolation = "none"
    agent_session_id: (
        Annotated[
            AgentSessionId,
            Meta(description="A conversation that the agent had elsewhere, to go on with."),
        ]
        | UnsetType
    ) = UNSET


class UpdateSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; absent means unchanged, ``null`` means cleared. The next prompt gives a cleared title anew."""

    title: Title | None | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    agent_mode: Mode | None | UnsetType = UNSET


class ForkSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to which event to copy (default: all), and whether into a worktree of its own (default: as the original)."""

    at_seq: Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)] | UnsetType = UNSET
    isolation: Isolation | UnsetType = UNSET


class MoveSession(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a session goes on: a project (``null``: none), a directory, or both.

    A project alone leaves a session where it is that works in the project's root directory, and takes any other there.
    ``wait``: until no turn runs, half a minute at most.
    """

    forms = ({"projectId": {}}, {"workingDir": {}}, {"projectId": {}, "workingDir": {}})

    project_id: Identifier | None | UnsetType = UNSET
    working_dir: Path | UnsetType = UNSET
    wait: bool = False

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, where nothing is to change."""
        if self.project_id is UNSET and self.working_dir is UNSET:
            raise ValueError("Give `projectId` or `workingDir`, or both.")


class CreateProject(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new project: its name, and its root directory under a workspace root."""

    name: ProjectName
    root_dir: Path


class UpdateProject(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; absent means unchanged. The project's sessions stay where they are."""

    name: ProjectName | UnsetType = UNSET
    root_dir: Path | UnsetType = UNSET


class PromptContext(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something to give to the agent beside a prompt: a file by path, a named text, or an uploaded body.

    A path is absolute or begins at the session's working directory, and leads to a regular file below it. A body is one
    that was uploaded within a day, or that the session holds already; 32 MiB at most together. A shell runs the prompt
    alone: what is given to it is only kept and shown.
    """

    forms = ({"path": {}}, {"name": {}, "text": {}}, {"blobId": {}})

    path: Path | UnsetType = UNSET
    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=LINE_PATTERN)] | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=PROMPT_BYTES, pattern=TEXT_PATTERN)] | UnsetType = UNSET
    blob_id: Identifier | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, for a combination that is none of the forms."""
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not UNSET}
        if given not in ({"path"}, {"name", "text"}, {"blob_id"}):
            raise ValueError("Give either `path`, or `name` and `text`, or `blobId`.")


class SubmitPrompt(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt for the session's agent. ``delivery`` says what happens while another turn runs."""

    command: Annotated[
        str,
        Meta(
            pattern=PROMPT_PATTERN,
            description="At most 256 KiB of UTF-8; not only blanks.",
            examples=["echo hello"],
            extra_json_schema={"maxLength": PROMPT_BYTES},  # domain/sessions.py refuses, by its size in bytes
        ),
    ]
    context: Annotated[list[PromptContext], Meta(max_length=64)] | UnsetType = UNSET
    delivery: Delivery = "queue"


class WriteFile(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="write"):
    """Make or replace a file."""

    path: OperationPath
    content: OperationText


class EditFile(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="edit"):
    """Change a file: either ``search`` and ``replace``, or a unified diff in ``patch``."""

    forms = ({"search": {}, "replace": {}}, {"patch": {}})

    path: OperationPath
    search: OperationText | UnsetType = UNSET
    replace: OperationText | UnsetType = UNSET
    patch: OperationText | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, for a combination that is none of the forms."""
        given = {name for name in ("search", "replace", "patch") if getattr(self, name) is not UNSET}
        if given not in ({"search", "replace"}, {"patch"}):
            raise ValueError("Give either `search` and `replace`, or `patch`.")


class DeleteFile(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="delete"):
    """Remove a file."""

    path: OperationPath


class RenameFile(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="rename"):
    """Move a file."""

    path: OperationPath
    to: OperationPath


class RunCommand(Request, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="command"):
    """Run a command, once it is approved."""

    command: OperationText


GivenOperation = WriteFile | EditFile | DeleteFile | RenameFile | RunCommand


class PreviewOperations(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A text to find operations in: what an agent answered."""

    response: Annotated[str, Meta(pattern=TEXT_PATTERN, description="An answer, in Markdown.")]


class ExecuteOperations(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plan to carry out, or some of its operations by their index; or operations that were shown elsewhere."""

    forms = ({"planId": {}}, {"planId": {}, "only": {}}, {"operations": {}})

    plan_id: Identifier | UnsetType = UNSET
    only: (
        Annotated[list[Annotated[int, Meta(ge=0, lt=PLAN_OPERATIONS)]], Meta(min_length=1, max_length=PLAN_OPERATIONS)]
        | UnsetType
    ) = UNSET
    operations: Annotated[list[GivenOperation], Meta(min_length=1, max_length=PLAN_OPERATIONS)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, for a combination that is none of the forms."""
        given = {name for name in self.__struct_fields__ if getattr(self, name) is not UNSET}
        if given not in ({"plan_id"}, {"plan_id", "only"}, {"operations"}):
            raise ValueError("Give either `planId`, perhaps with `only`, or `operations`.")


class RevertOperations(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The plan to undo."""

    plan_id: Identifier


class UploadBlob(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body for a later prompt's context: an image, a file from elsewhere."""

    data: Annotated[
        bytes,
        Meta(
            description="In base64 (RFC 4648, section 4); at most 32 MiB by default.",
            examples=[b"hello"],
            extra_json_schema={"pattern": BASE64_PATTERN},
        ),
    ]
    name: Annotated[str, Meta(min_length=1, max_length=255, pattern=LINE_PATTERN)] | UnsetType = UNSET
    media_type: Annotated[str, Meta(max_length=127, pattern=MEDIA_TYPE_PATTERN)] | UnsetType = UNSET


class CancelTurn(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which turn to stop or to take out of the queue; the running one if absent."""

    turn_id: Identifier | UnsetType = UNSET


class AnswerApproval(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yes or no; `optionId` says for how long, once if it is absent.

    `customCommand` runs in the place of what was asked about.
    """

    approved: bool
    option_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=LINE_PATTERN)] | UnsetType = UNSET
    custom_command: Annotated[str, Meta(pattern=PROMPT_PATTERN, max_length=CUSTOM_CHARACTERS)] | UnsetType = UNSET


class Login(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The single-use code from a login URL, or a token."""

    forms = ({"code": {}}, {"token": {}})

    code: Secret | UnsetType = UNSET
    token: Secret | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, unless exactly one is given."""
        if (self.code is UNSET) == (self.token is UNSET):
            raise ValueError("Give either `code` or `token`.")


class CreateToken(Request, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A further token: full, read-only, or for one session alone."""

    forms = ({"scope": {"enum": ["full", "read"]}}, {"scope": {"const": "session"}, "sessionId": {}})

    name: Annotated[str, Meta(min_length=1, max_length=80, pattern=LINE_PATTERN)]
    scope: TokenScope
    session_id: Identifier | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Raise ValueError, which the decoder reports as invalid, unless a session goes with the scope `session`."""
        if (self.scope == "session") == (self.session_id is UNSET):
            raise ValueError("Give `sessionId` with the scope `session`, and only then.")
