import { ask, once } from "../../api/client";
import { cancelTurn, type PlanEntry, resumeSession } from "../../api/gen";
import { useSessionState } from "../../app";
import { toastError } from "../../parts/toast";
import { lineOf, visible } from "../../parts/visible";
import { Approvals } from "./Approvals";
import { useFold, usePlace } from "./place";
import { plural, previewOf } from "./words";

/** What stands above the prompt box while there is something to say: the plan, what waits, what is asked. */
export function Dock() {
  return (
    <div className="dock">
      <Plan />
      <Queue />
      <Approvals />
    </div>
  );
}

const MARKS: Record<PlanEntry["status"], string> = { completed: "✓", in_progress: "›", pending: "·" };
const STATES: Record<PlanEntry["status"], string> = { completed: "done", in_progress: "under way", pending: "to do" };

function Plan() {
  const { store } = usePlace();
  const entries = useSessionState(store, (state) => state.plan) ?? [];
  const [open, turn] = useFold("plan", false);
  if (entries.length === 0) return null;
  const done = entries.filter((entry) => entry.status === "completed").length;
  const now = entries.find((entry) => entry.status === "in_progress") ?? entries.find((entry) => entry.status === "pending");
  return (
    <section className="plan" aria-label="Plan">
      <button className="fold" aria-expanded={open} onClick={turn}>
        Plan
        <span className="count faint">
          {done} of {entries.length}
        </span>
        {!open && <span className="clip faint">{visible(now?.content ?? "")}</span>}
      </button>
      {open && (
        <ol>
          {entries.map((entry, place) => (
            <li key={place} className={entry.status}>
              <span aria-hidden="true">{MARKS[entry.status]}</span>
              <span className="hidden">{STATES[entry.status]}: </span>
              {visible(entry.content)}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Queue() {
  const { store, writable } = usePlace();
  const queue = useSessionState(store, (state) => state.queue) ?? [];
  const held = useSessionState(store, (state) => state.held);
  if (queue.length === 0) return null;
  const path = { sessionId: store.sessionId };
  const remove = (turnId: string) => void ask(cancelTurn({ path, body: { turnId }, headers: once() })).catch(toastError);
  const resume = () => void ask(resumeSession({ path, headers: once() })).catch(toastError);
  return (
    <section className="queue" aria-label="Queue">
      {held ? (
        <div className="line">
          <p className="grow">
            {plural(queue.length, "prompt")} {queue.length === 1 ? "was" : "were"} waiting when the server stopped. Nothing
            runs until you say so.
          </p>
          <button className="button primary" disabled={!writable} onClick={resume}>
            Go on
          </button>
        </div>
      ) : (
        <p className="faint">{plural(queue.length, "prompt")} in the queue</p>
      )}
      <ol>
        {queue.map((prompt) => (
          <li key={prompt.turnId} className="row">
            <span className="grow clip">{lineOf(previewOf(prompt.command))}</span>
            <button
              className="button plain icon"
              aria-label={`Remove from the queue: ${previewOf(prompt.command).slice(0, 60)}`}
              disabled={!writable}
              onClick={() => remove(prompt.turnId)}
            >
              ✕
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
