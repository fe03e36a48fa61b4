"""What handlers work with."""

from msgspec import Struct

from api.legacy.policy import Legacy
from api.metrics import Metrics
from api.streams import Streams
from api.terminal_sources import TerminalSources
from domain.approvals import Approvals
from domain.contexts import Contexts
from domain.copies import Copies
from domain.doorkeeper import Doorkeeper
from domain.exports import Exports
from domain.places import Places
from domain.plans import Plans
from domain.ports import AgentLauncher, Audit, Screens
from domain.projects import Projects
from domain.reading import Reading
from domain.receipts import Receipts
from domain.rules import Rules
from domain.sessions import Sessions
from domain.terminals import Terminals
from domain.uploads import Uploads


class Services(Struct, frozen=True, kw_only=True):
    """All use cases in one dependency: Litestar opens a task group for each request that has several.

    It hands a struct on as it is; a tuple would be taken apart and checked at each request.
    """

    live: Sessions
    reading: Reading
    contexts: Contexts
    copies: Copies
    projects: Projects
    places: Places
    plans: Plans
    exports: Exports
    streams: Streams
    launcher: AgentLauncher
    metrics: Metrics
    legacy: Legacy
    doorkeeper: Doorkeeper
    approvals: Approvals
    rules: Rules
    audit: Audit
    receipts: Receipts
    uploads: Uploads
    terminals: Terminals
    terminal_sources: TerminalSources
    screens: Screens
