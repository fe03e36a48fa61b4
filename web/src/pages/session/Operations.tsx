import type { Operation } from "../../api/gen";
import type { Item } from "../../state/transcript";
import { visible } from "../../parts/visible";
import { usePlace } from "./place";
import { plural } from "./words";

const STATES = { proposed: "to review", executed: "carried out", reverted: "undone", failed: "not carried out" } as const;

export const SIGNS: Record<Operation["type"], string> = {
  write: "write",
  edit: "edit",
  delete: "delete",
  rename: "rename",
  command: "run",
};

export const targetOf = (operation: Operation): string => {
  if (operation.type === "command") return operation.command;
  return operation.type === "rename" ? `${operation.path} → ${operation.to}` : operation.path;
};

/** What an answer proposes to change, and what became of it. */
export function Operations({ item }: { item: Extract<Item, { kind: "operations" }> }) {
  const { show } = usePlace();
  const { planId, operations, state, results, error } = item;
  return (
    <>
      <div className="line">
        <span className="grow">
          {plural(operations.length, "change")} {STATES[state]}
        </span>
        {planId !== undefined && (
          <button className="button" onClick={() => show({ name: "review", planId })}>
            {state === "proposed" ? "Review" : "Show"}
          </button>
        )}
      </div>
      <ul>
        {operations.map((operation, place) => (
          <li key={place} className="row">
            <span className="faint sign">{SIGNS[operation.type]}</span>
            <code className="clip">{visible(targetOf(operation))}</code>
          </li>
        ))}
      </ul>
      {error !== undefined && <p className="problem">{error}</p>}
      {results
        .filter((result) => !result.success)
        .map((result) => (
          <p key={result.path + result.operation} className="problem">
            {visible(result.path)}: {result.error}
          </p>
        ))}
    </>
  );
}
