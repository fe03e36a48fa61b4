/** A session's state as a fold over its events: the twin of domain/state.py. openapi/folds/ holds both to the same. */
import type { CommandSent, PlanSummary, QueuedPrompt, SessionEvent, SessionState, ToolCall } from "../api/gen";

type Of<Type extends SessionEvent["type"]> = Extract<SessionEvent, { type: Type }>;

/** As domain/known_plans.py keeps. */
const PLANS_KEPT = 100;
/** As domain/state.py keeps. */
const OPEN_CALLS = 200;

/** Return the state that a session's first event makes. */
export function begin(event: Of<"session-created">, epoch: string): SessionState {
  const { sessionId, mode, title, workingDir, projectId, origin, timestamp, seq } = event;
  return {
    session: {
      sessionId,
      mode,
      title,
      workingDir,
      ...(projectId !== undefined && { projectId }),
      status: "idle",
      createdAt: timestamp,
      lastActivity: timestamp,
      cursor: `${epoch}.${seq}`,
      ...(origin !== undefined && { origin }),
      archived: false,
    },
    turn: null,
    queue: [],
    held: false,
    cwd: workingDir,
    pendingApprovals: [],
    plan: [],
    openToolCalls: [],
    usage: null,
    plans: [],
  };
}

/** Return the state after an event. What did not change stays the same object, for whoever compares. */
export function apply(state: SessionState, event: SessionEvent): SessionState {
  const { session, ...changes } = changesOf(state, event);
  const epoch = state.session.cursor.slice(0, state.session.cursor.indexOf("."));
  const next: SessionState = {
    ...state,
    ...changes,
    session: { ...(session ?? state.session), lastActivity: event.timestamp, cursor: `${epoch}.${event.seq}` },
  };
  next.held = next.turn === null && next.queue.length > 0;
  return next;
}

function changesOf(state: SessionState, event: SessionEvent): Partial<SessionState> {
  switch (event.type) {
    case "tool-call":
      return { openToolCalls: toolCalls(state.openToolCalls, event) };
    case "command-sent":
      return { queue: event.delivery === "steer" ? [queued(event), ...state.queue] : [...state.queue, queued(event)] };
    case "turn-started": {
      const prompt = state.queue.find((waiting) => waiting.turnId === event.turnId);
      const context = prompt?.context;
      return {
        turn: {
          turnId: event.turnId,
          command: prompt?.command ?? "",
          ...(context !== undefined && { context }),
          startedAt: event.timestamp,
        },
        queue: without(state.queue, event.turnId),
      };
    }
    case "turn-completed":
      if (state.turn?.turnId !== event.turnId) return { queue: without(state.queue, event.turnId) };
      return { turn: null, cwd: event.cwd ?? state.cwd, openToolCalls: [] };
    case "session-status":
      return { session: { ...state.session, status: event.status } };
    case "session-updated":
      return updates(state, event);
    case "plan-updated":
      return { plan: event.entries };
    case "usage-updated":
      return { usage: event };
    case "approval-request":
      return { pendingApprovals: [...state.pendingApprovals, event] };
    case "approval-confirmed":
    case "approval-expired":
      return { pendingApprovals: state.pendingApprovals.filter((asked) => asked.approvalId !== event.approvalId) };
    case "operations-detected":
      return { plans: proposed(state.plans, event) };
    case "operations-executed":
    case "operations-reverted":
    case "operations-error":
      return { plans: state.plans.map((plan) => (plan.planId === event.planId ? settled(plan, event) : plan)) };
    default: // output and its like, and events of a newer server: readers ignore what they do not know
      return {};
  }
}

function queued(event: CommandSent): QueuedPrompt {
  const { turnId, command, context, delivery, timestamp } = event;
  return { turnId, command, ...(context !== undefined && { context }), delivery, sentAt: timestamp };
}

const without = (queue: QueuedPrompt[], turnId: string) => queue.filter((prompt) => prompt.turnId !== turnId);

function toolCalls(open: ToolCall[], event: Of<"tool-call">): ToolCall[] {
  const known = open.find((call) => call.toolCallId === event.toolCallId);
  const others = open.filter((call) => call !== known);
  if (event.status === "completed" || event.status === "failed") return others;
  return [...others.slice(1 - OPEN_CALLS), { ...known, ...event }];
}

function updates(state: SessionState, event: Of<"session-updated">): Partial<SessionState> {
  const { title, projectId, workingDir, archived, agentMode } = event;
  const session = { ...state.session };
  if (title !== undefined) session.title = title;
  if (workingDir !== undefined) session.workingDir = workingDir;
  if (archived !== undefined) session.archived = archived;
  if (projectId === null) delete session.projectId;
  else if (projectId !== undefined) session.projectId = projectId;
  if (agentMode === null) delete session.agentMode;
  else if (agentMode !== undefined) session.agentMode = agentMode;
  return { session, cwd: workingDir ?? state.cwd };
}

function proposed(plans: PlanSummary[], event: Of<"operations-detected">): PlanSummary[] {
  const { planId, turnId, timestamp, operations } = event;
  const last = plans.at(-1);
  if (last?.planId === planId) return [...plans.slice(0, -1), { ...last, count: last.count + operations.length }];
  const plan: PlanSummary = {
    planId,
    ...(turnId !== undefined && { turnId }),
    createdAt: timestamp,
    count: operations.length,
    state: "proposed",
  };
  return [...plans, plan].slice(-PLANS_KEPT);
}

function settled(
  plan: PlanSummary,
  event: Of<"operations-executed" | "operations-reverted" | "operations-error">,
): PlanSummary {
  if (event.type === "operations-executed") return { ...plan, state: "executed" };
  if (event.type === "operations-reverted") return { ...plan, state: "reverted" };
  return plan.state === "proposed" ? { ...plan, state: "failed" } : plan;
}
