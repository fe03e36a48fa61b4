import "./session.css";
import { messageOf } from "../../api/client";
import { useSessionState, useStore, useView } from "../../app";
import { StatusDot } from "../../parts/StatusDot";
import { Composer } from "./Composer";
import { Transcript } from "./Transcript";

/** One session: what happened, and what to say next. */
export default function Session({ sessionId }: { sessionId: string }) {
  const store = useStore(sessionId);
  const { ready, error, deleted } = useView(store);
  const session = useSessionState(store, (state) => state.session);
  const title = session?.title || "Untitled";
  if (!ready) return error ? <p className="empty problem">{messageOf(error)}</p> : null;
  return (
    <div className="session">
      <title>{`${title} · Towpath`}</title>
      <header className="row">
        <h1 className="clip">{title}</h1>
        {session && <StatusDot status={session.status} word />}
        <span className="grow faint mono clip">{session?.workingDir}</span>
      </header>
      <Transcript store={store} />
      {deleted ? <p className="empty">This session was deleted.</p> : <Composer store={store} />}
    </div>
  );
}
