import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { ApiProblem, ask, messageOf, once } from "../../api/client";
import { answerApproval, type ApprovalOption, type ApprovalOutcome, type ApprovalRequest } from "../../api/gen";
import { useSessionState } from "../../app";
import { COMMANDS, type CommandId, spelled, useCommand } from "../../keys";
import { toast } from "../../parts/toast";
import { lineOf, visible } from "../../parts/visible";
import { useWhole } from "./Body";
import { usePlace } from "./place";

const COMMAND = {
  "allow-once": "approval.allow",
  "allow-session": "approval.session",
  "allow-project": "approval.project",
  "reject-once": "approval.reject",
  "reject-always": "approval.never",
} as const satisfies Record<ApprovalOption["kind"], CommandId>;
const ORDER = Object.keys(COMMAND);
const inOrder = (options: ApprovalOption[]) =>
  options.toSorted((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
const ARMED_MS = 500; // a click or key that was meant for what was there before answers nothing

/** What waits for a human, one at a time; the others are in reach. */
export function Approvals() {
  const { store } = usePlace();
  const pending = useSessionState(store, (state) => state.pendingApprovals) ?? [];
  const [chosen, setChosen] = useState("");
  const at = Math.max(0, pending.findIndex((request) => request.approvalId === chosen));
  const request = pending[at];
  if (!request) return null;
  const step = (by: number) => setChosen(pending[(at + by + pending.length) % pending.length]!.approvalId);
  return (
    <Approval key={request.approvalId} request={request}>
      {pending.length > 1 && (
        <span className="row">
          <button className="button plain icon" aria-label="The question before" onClick={() => step(-1)}>
            ‹
          </button>
          <span className="count">
            {at + 1} of {pending.length}
          </span>
          <button className="button plain icon" aria-label="The next question" onClick={() => step(1)}>
            ›
          </button>
        </span>
      )}
    </Approval>
  );
}

function Approval({ request, children }: { request: ApprovalRequest; children: React.ReactNode }) {
  const { store, writable, show } = usePlace();
  const { approvalId, explanation, editable, expiresAt, planId } = request;
  const options = useMemo(() => inOrder(request.options), [request]);
  const { text: command, error } = useWhole(request.command);
  const [edited, setEdited] = useState<string>();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const card = useRef<HTMLElement>(null);
  const box = useRef<HTMLPreElement>(null);
  const [end, setEnd] = useState(true); // whether the end of what is asked was in sight
  const armed = useArmed(`${command !== undefined || error !== null} ${end}`);
  useLayoutEffect(() => {
    if (box.current && command !== undefined) setEnd(isAtEnd(box.current));
  }, [command]);
  const ready = writable && !busy && armed;
  const answer = async (option: ApprovalOption) => {
    const approved = option.kind.startsWith("allow");
    if (!ready || (approved && command === undefined)) return; // nobody allows what was not shown whole
    if (approved && !end && edited === undefined) {
      box.current?.scrollTo(0, box.current.scrollHeight);
      return;
    }
    const custom = approved && edited !== undefined && edited !== command ? { customCommand: edited } : {};
    setBusy(true);
    setProblem("");
    try {
      await ask(
        answerApproval({
          path: { sessionId: store.sessionId, approvalId },
          body: { approved, optionId: option.optionId, ...custom },
          headers: once(),
        }),
      );
    } catch (error) {
      const winner = error instanceof ApiProblem ? error.problem.answer : undefined;
      if (winner) toast(`It was answered before: ${outcome(winner)}.`);
      else setProblem(messageOf(error));
      setBusy(false);
    }
  };
  const offered = (kind: ApprovalOption["kind"]) => options.find((option) => option.kind === kind);
  const useAnswer = (kind: ApprovalOption["kind"]) => {
    const option = offered(kind);
    useCommand(COMMAND[kind], () => option && void answer(option), option !== undefined && writable);
  };
  useAnswer("allow-once");
  useAnswer("allow-session");
  useAnswer("allow-project");
  useAnswer("reject-once");
  useAnswer("reject-always");
  useCommand("approval.show", () => card.current?.focus());
  useCommand("approval.edit", () => setEdited(command), editable && command !== undefined && writable);
  return (
    <section ref={card} className="approval" aria-label="Waits for you" tabIndex={-1}>
      <div className="line">
        <p className="grow row">
          <span className="dot waiting" aria-hidden="true" />
          <b className="explanation">{visible(explanation) || "May this run?"}</b>
        </p>
        <Expiry at={expiresAt} />
        {children}
      </div>
      {edited === undefined ? (
        <pre
          ref={box}
          className="command"
          tabIndex={0}
          aria-label="What is asked"
          onScroll={(event) => setEnd(end || isAtEnd(event.currentTarget))}
        >
          {command === undefined ? "…" : visible(command)}
        </pre>
      ) : (
        <textarea
          className="input mono"
          aria-label="What shall run instead"
          autoFocus
          rows={Math.min(8, edited.split("\n").length)}
          value={edited}
          onChange={(event) => setEdited(event.target.value)}
          onKeyDown={(event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            setEdited(undefined);
          }}
        />
      )}
      {!end && edited === undefined && <p className="waits">There is more of it below: read it to its end.</p>}
      {(problem || error) && (
        <p className="problem" role="alert">
          {problem || messageOf(error)}
        </p>
      )}
      {!writable && <p className="faint">Your token may only read: somebody else has to answer.</p>}
      <div className="answers">
        {options.map((option) => (
          <button
            key={option.optionId}
            className={`button ${option.kind.startsWith("allow") ? "yes" : "no"}${option.kind === "allow-once" ? " primary" : ""}`}
            title={COMMANDS[COMMAND[option.kind]].title}
            disabled={!ready || (option.kind.startsWith("allow") && command === undefined)}
            onClick={() => void answer(option)}
          >
            <span className="clip">
              {lineOf(option.name)}
              {edited !== undefined && edited !== command && option.kind.startsWith("allow") && ", as edited"}
            </span>
            <kbd>{spelled(COMMANDS[COMMAND[option.kind]].keys).join(" ")}</kbd>
          </button>
        ))}
        <span className="grow" />
        {planId !== undefined && (
          <button className="button plain" onClick={() => show({ name: "review", planId })}>
            See the changes
          </button>
        )}
        {editable && (
          <button
            className="button plain"
            disabled={!writable || command === undefined}
            onClick={() => setEdited(edited === undefined ? command : undefined)}
          >
            {edited === undefined ? "Edit" : "Don't edit"}
          </button>
        )}
      </div>
    </section>
  );
}

/** Whether what is shown was there, in a page that is looked at, for long enough to be what an answer is meant for. */
function useArmed(shown: string): boolean {
  const [armed, setArmed] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const begin = () => {
      clearTimeout(timer);
      setArmed("");
      if (document.visibilityState === "visible") timer = setTimeout(() => setArmed(shown), ARMED_MS);
    };
    begin();
    document.addEventListener("visibilitychange", begin);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", begin);
    };
  }, [shown]);
  return armed === shown;
}

const isAtEnd = (box: HTMLElement): boolean => box.scrollHeight - box.clientHeight - box.scrollTop < 4;

const outcome = (answer: ApprovalOutcome): string => {
  if (answer.type === "approval-expired") return "nobody answered in time, so it was not allowed";
  const custom = answer.customCommand === undefined ? "" : `, as ${visible(answer.customCommand)}`;
  return `${answer.approved ? "allowed" : "rejected"}${custom}`;
};

const MINUTE_MS = 60_000;

function Expiry({ at }: { at: number }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const left = Math.max(0, at - now);
  const text =
    left < 2 * MINUTE_MS
      ? `${Math.round(left / 1000)} s`
      : left < 120 * MINUTE_MS
        ? `${Math.round(left / MINUTE_MS)} min`
        : `${Math.round(left / MINUTE_MS / 60)} h`;
  return (
    <time className="faint" dateTime={new Date(at).toISOString()} title={`Counts as no after ${new Date(at).toLocaleString()}`}>
      {text} left
    </time>
  );
}
