"""What a prompt gives to its agent: checked when it is taken, gathered when its turn begins; and what came of it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import UNSET, UnsetType

from contracts import views
from contracts.events import ContextItem, LargeBody, Text
from contracts.requests import SubmitPrompt
from domain.context import Touched, estimate_tokens, is_below, locate
from domain.errors import BlobNotFound, InvalidContext, PromptTooLarge
from domain.ids import SessionId
from domain.ports import EventLog, Given, GivenBlob, GivenFile, GivenText, Upload, Workspace
from domain.reading import fold
from domain.state import SessionState

# As large as one upload may be: an agent is handed all of them at once.
CONTEXT_BYTES = 32 * 1024 * 1024


async def check_files(workspace: Workspace, working_dir: str, request: SubmitPrompt) -> None:
    """Raise InvalidContext, naming the member, for a path that leads to no regular file below *working_dir*."""
    items = () if request.context is UNSET else request.context
    paths = {
        f"$.context[{place}].path": locate(working_dir, item.path)
        for place, item in enumerate(items)
        if item.path is not UNSET
    }
    if not paths:
        return
    for member, path in paths.items():
        if not is_below(working_dir, path):
            raise InvalidContext("The path leads out of the session's working directory.", member=member)
    sizes = await workspace.sizes(working_dir, [_relative(working_dir, path) for path in paths.values()])
    for member, size in zip(paths, sizes, strict=True):
        if size is None:
            raise InvalidContext(
                "There is no regular file by this path in the session's working directory; links are not followed.",
                member=member,
            )


async def find_bodies(log: EventLog, session_id: SessionId, request: SubmitPrompt) -> Mapping[str, Upload]:
    """Return the bodies that a prompt names, by id: uploaded ones, or such as the session holds already.

    Raises InvalidContext for one that is neither, PromptTooLarge for more than CONTEXT_BYTES; both name the member.
    """
    found: dict[str, Upload] = {}
    for place, item in enumerate(() if request.context is UNSET else request.context):
        if item.blob_id is UNSET or item.blob_id in found:
            continue
        member = f"$.context[{place}].blobId"
        found[item.blob_id] = await _body(log, session_id, item.blob_id, member)
        if sum(len(body.data) for body in found.values()) > CONTEXT_BYTES:
            raise PromptTooLarge(f"A prompt may give {CONTEXT_BYTES} bytes of uploaded bodies.", member=member)
    return found


async def _body(log: EventLog, session_id: SessionId, blob_id: str, member: str) -> Upload:
    with suppress(BlobNotFound):
        return await log.upload(blob_id)
    try:
        return Upload(blob_id=blob_id, made_at=0, data=await log.blob(session_id, blob_id))
    except BlobNotFound:
        raise InvalidContext("No body was uploaded under this id, or it was forgotten.", member=member) from None


async def gather(log: EventLog, state: SessionState, context: list[ContextItem] | UnsetType) -> Sequence[Given]:
    """Return all that a prompt gives, texts and bodies whole."""
    return [await _whole(log, state, item) for item in (() if context is UNSET else context)]


async def _whole(log: EventLog, state: SessionState, item: ContextItem) -> Given:
    if item.path is not UNSET:
        return GivenFile(locate(state.working_dir, item.path))
    if item.blob_id is not UNSET:
        data = await log.blob(state.session_id, item.blob_id)
        return GivenBlob(item.blob_id, data, item.name or "", item.media_type or "")
    assert item.name is not UNSET
    assert item.text is not UNSET
    return GivenText(item.name, await whole_text(log, state.session_id, item.text))


async def whole_text(log: EventLog, session_id: SessionId, text: Text) -> str:
    """Return a text whole, wherever it is kept."""
    return (await log.blob(session_id, text.blob_id)).decode() if isinstance(text, LargeBody) else text


class Contexts:
    """What sessions read, wrote and were given."""

    def __init__(self, *, log: EventLog, workspace: Workspace) -> None:
        self._log = log
        self._workspace = workspace

    async def get(self, session_id: SessionId) -> views.SessionContext:
        """Return what a session has touched, with the sizes that its files have now. Raises SessionNotFound."""
        state = await fold(self._log, session_id)
        entries = [_entry(touched, size) for touched, size in zip(state.files, await self._sizes(state), strict=True)]
        usage = state.usage
        return views.SessionContext(
            files=entries[::-1],
            token_estimate=sum(entry.token_estimate or 0 for entry in entries),
            window=UNSET if usage is None else views.ContextWindow(used=usage.used, size=usage.size, cost=usage.cost),
        )

    async def _sizes(self, state: SessionState) -> Sequence[int | None]:
        """Return the size of each that the state names, `None` where nobody can tell."""
        sizes = [None if touched.bytes is UNSET else touched.bytes for touched in state.files]
        below = {
            place: _relative(state.working_dir, touched.name)
            for place, touched in enumerate(state.files)
            if touched.kind == "file" and is_below(state.working_dir, touched.name)
        }
        if below:
            for place, size in zip(
                below, await self._workspace.sizes(state.working_dir, [*below.values()]), strict=True
            ):
                sizes[place] = size
        return sizes


def _relative(working_dir: str, path: str) -> str:
    return path.removeprefix(working_dir.rstrip("/") + "/")


def _entry(touched: Touched, size: int | None) -> views.ContextEntry:
    return views.ContextEntry(
        path=touched.name if touched.kind == "file" else UNSET,
        name=touched.name if touched.kind == "text" else UNSET,
        blob_id=touched.name if touched.kind == "blob" else UNSET,
        how=touched.how,
        size=size,
        token_estimate=None if size is None else estimate_tokens(size),
        last_touched=touched.at,
        turn_id=touched.turn_id,
    )
