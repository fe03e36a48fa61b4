"""What is known of a session's plans, as a fold over its events; pure."""

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from contracts.events import OperationsDetected, OperationsError, OperationsExecuted, OperationsReverted
from contracts.views import PlanState

# What a UI shows; with each goes what is needed to undo it.
PLANS_KEPT = 100


class KnownPlan(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A plan, as far as its events tell: ``seq`` and ``settled`` are those of its first and of its last outcome."""

    plan_id: str
    turn_id: str | UnsetType = UNSET
    created_at: int
    count: int
    seq: int
    settled: int = 0
    state: PlanState = "proposed"


def proposed(plans: tuple[KnownPlan, ...], event: OperationsDetected) -> tuple[KnownPlan, ...]:
    """Return the newest PLANS_KEPT plans."""
    count = len(event.operations)
    if plans and plans[-1].plan_id == event.plan_id:  # a plan too long for one event
        return (*plans[:-1], replace(plans[-1], count=plans[-1].count + count))
    plan = KnownPlan(
        plan_id=event.plan_id, turn_id=event.turn_id, created_at=event.timestamp, count=count, seq=event.seq
    )
    return (*plans, plan)[-PLANS_KEPT:]


def settled(
    plans: tuple[KnownPlan, ...], event: OperationsExecuted | OperationsReverted | OperationsError
) -> tuple[KnownPlan, ...]:
    """Return the plans after one of them was carried out or undone, or was not."""
    return tuple(plan if plan.plan_id != event.plan_id else _after(plan, event) for plan in plans)


def _after(plan: KnownPlan, event: OperationsExecuted | OperationsReverted | OperationsError) -> KnownPlan:
    match event:
        case OperationsExecuted():
            return replace(plan, state="executed", settled=event.seq)
        case OperationsReverted():
            return replace(plan, state="reverted", settled=event.seq)
    # nothing was changed: what was carried out and could not be undone is carried out still
    return replace(plan, state="failed" if plan.state == "proposed" else plan.state, settled=event.seq)
