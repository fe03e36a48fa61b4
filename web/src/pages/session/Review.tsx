import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { ApiProblem, ask, messageOf, once } from "../../api/client";
import { executeOperations, getPlan, type OperationResult, type PlannedOperation, revertOperations } from "../../api/gen";
import { useSessionState } from "../../app";
import { toast } from "../../parts/toast";
import { visible } from "../../parts/visible";
import { Panel } from "./Panel";
import { Patch } from "./Patch";
import { parse, tally } from "./patch";
import { SIGNS, targetOf } from "./Operations";
import { useFold, usePlace } from "./place";

const NO_DIFF: Record<NonNullable<PlannedOperation["noDiff"]>, string> = {
  binary: "A binary file: there is no text to compare.",
  "not-applicable": "",
  "too-large": "Too large to be shown as a diff.",
  unchanged: "The file has this content already.",
};

/** A plan, as it would be carried out: a diff for each change, which of them to take, and the way back. */
export default function Review({ planId, onClose }: { planId: string; onClose: () => void }) {
  const { store, writable } = usePlace();
  const queries = useQueryClient();
  const state = useSessionState(store, (all) => all.plans.find((plan) => plan.planId === planId)?.state);
  const path = { sessionId: store.sessionId };
  const { data: plan, error } = useQuery({
    queryKey: ["plan", store.sessionId, planId, state],
    queryFn: () => ask(getPlan({ path: { ...path, planId } })),
    placeholderData: (before) => before,
    retry: false,
  });
  const [left, setLeft] = useState<ReadonlySet<number>>(new Set());
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [results, setResults] = useState<OperationResult[]>([]);
  const operations = plan?.operations ?? [];
  const taken = operations.filter((one) => one.applies && !left.has(one.index));
  const open = plan?.state === "proposed" || plan?.state === "failed";
  const run = async (work: () => Promise<{ results: OperationResult[]; approvals?: string[] }>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      const done = await work();
      setResults(done.results.filter((result) => !result.success));
      if (done.approvals?.length) toast("Its commands wait for your answer.");
    } catch (error) {
      setProblem(error);
    }
    void queries.invalidateQueries({ queryKey: ["plan", store.sessionId, planId] });
    setBusy(false);
  };
  const execute = () =>
    run(() => {
      const only = taken.length < operations.length ? { only: taken.map((one) => one.index) } : {};
      return ask(executeOperations({ path, body: { planId, ...only }, headers: once() }));
    });
  const revert = () => run(() => ask(revertOperations({ path, body: { planId }, headers: once() })));
  const turn = (index: number) => {
    const next = new Set(left);
    if (!next.delete(index)) next.add(index);
    setLeft(next);
  };
  const footer = (
    <>
      <span className="grow faint">{plan && (open ? `${taken.length} of ${operations.length} taken` : STATES[plan.state])}</span>
      {plan?.state === "executed" && (
        <button className="button" disabled={busy || !writable} onClick={() => void revert()}>
          Undo
        </button>
      )}
      {open && (
        <button className="button primary" disabled={busy || !writable || taken.length === 0} onClick={() => void execute()}>
          Carry out {taken.length === operations.length ? "all" : taken.length}
        </button>
      )}
    </>
  );
  return (
    <Panel title="Proposed changes" onClose={onClose} footer={footer}>
      {error && <p className="problem">{messageOf(error)}</p>}
      {problem !== undefined && <Refusal problem={problem} />}
      {results.map((result, place) => (
        <p key={place} className="problem" role="alert">
          {visible(result.path)}: {result.error}
        </p>
      ))}
      {operations.map((one) => (
        <Proposed key={one.index} one={one} taken={!left.has(one.index)} open={open} onTurn={() => turn(one.index)} />
      ))}
    </Panel>
  );
}

const STATES = { proposed: "", executed: "Carried out", reverted: "Undone", failed: "Not carried out" } as const;

function Refusal({ problem }: { problem: unknown }) {
  const conflict = problem instanceof ApiProblem && problem.code === "plan-conflict";
  return (
    <p className="problem" role="alert">
      {messageOf(problem)}
      {conflict &&
        " Nothing was written: a file is no longer as it was when this was proposed. Leave that change out, or ask for it anew."}
    </p>
  );
}

interface ProposedProps {
  one: PlannedOperation;
  taken: boolean;
  open: boolean;
  onTurn: () => void;
}

function Proposed({ one, taken, open, onTurn }: ProposedProps) {
  const { operation, diff, noDiff, applies, reason, conflicts, index } = one;
  const hunks = useMemo(() => parse(diff ?? "").flatMap((file) => file.hunks), [diff]);
  const [shown, turn] = useFold(`plan ${one.index} ${one.path ?? ""}`, true);
  const { added, removed } = tally(hunks);
  const name = visible(targetOf(operation));
  return (
    <figure className={taken && applies ? undefined : "left-out"}>
      <div className="row">
        {open && (
          <input type="checkbox" aria-label={`Take: ${SIGNS[operation.type]} ${name}`} checked={taken && applies} disabled={!applies} onChange={onTurn} />
        )}
        <button className="fold" aria-expanded={shown} onClick={turn}>
          <span className="faint sign">{SIGNS[operation.type]}</span>
          <span className="clip mono">{name}</span>
          <span className="how">
            {added > 0 && <span className="plus">+{added}</span>}
            {removed > 0 && <span className="minus">−{removed}</span>}
          </span>
        </button>
      </div>
      {!applies && <p className="problem">{reason ?? "It can't be carried out."}</p>}
      {conflicts.length > 0 && (
        <p className="problem">
          Touches the same file as {conflicts.map((other) => `no. ${other + 1}`).join(", ")} (this is no. {index + 1}): take one.
        </p>
      )}
      {shown && hunks.length > 0 && <Patch hunks={hunks} label={`Changes of ${name}`} />}
      {shown && operation.type === "command" && <pre className="input-text">{visible(operation.command)}</pre>}
      {shown && noDiff && NO_DIFF[noDiff] && <p className="faint">{NO_DIFF[noDiff]}</p>}
    </figure>
  );
}
