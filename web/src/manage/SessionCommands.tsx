import type { Session } from "../api/gen";
import { useMayWrite } from "../app";
import { useCommand } from "../keys";
import { save, useSessionActions } from "./actions";
import { show } from "./dialog";

/** Offers what can be done to one session, by keys and in the palette: the one whose page it is, or whose row has the
 *  focus. */
export function SessionCommands({ session, rename }: { session: Session; rename?: () => void }) {
  const { archive, duplicate } = useSessionActions();
  const mayWrite = useMayWrite();
  useCommand("session.rename", rename ?? (() => show({ kind: "rename", session })), mayWrite);
  useCommand("session.duplicate", () => duplicate(session), mayWrite);
  useCommand("session.fork", () => show({ kind: "fork", session }), mayWrite);
  useCommand("session.move", () => show({ kind: "move", session }), mayWrite);
  useCommand("session.archive", () => archive(session), mayWrite);
  useCommand("session.delete", () => show({ kind: "delete", session }), mayWrite);
  useCommand("session.markdown", () => save(session.sessionId, "markdown"));
  useCommand("session.jsonl", () => save(session.sessionId, "jsonl"));
  return null;
}
