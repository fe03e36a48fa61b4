import { useWaiting } from "../api/queries";
import { useApp } from "../app";
import { lineOf } from "./visible";

/** The title of the tab: the page's, and in front how much waits for a human: sessions, or with a token of one session
 *  what its page says. */
export function Title({ children, waiting = 0 }: { children: string; waiting?: number }) {
  const { sessionId } = useApp().me;
  const sessions = useWaiting(!sessionId).length;
  const count = sessionId ? waiting : sessions;
  return <title>{`${count ? `(${count}) ` : ""}${lineOf(children)} · Towpath`}</title>;
}
