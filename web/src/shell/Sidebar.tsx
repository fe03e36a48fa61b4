import { Link, useLocation } from "wouter";
import type { Session } from "../api/gen";
import { useSessions, useWaiting } from "../api/queries";
import { useApp } from "../app";
import { nameOf } from "../manage/actions";
import { StatusDot } from "../parts/StatusDot";
import { useCommand } from "../keys";

const MOST = 100; // the page of all sessions has the rest
const UNARCHIVED = { archived: "false" } as const;

/** The sessions at hand: what waits for a human on top. */
export function Sidebar({ onChoose }: { onChoose: () => void }) {
  const inScope = !useApp().me.sessionId;
  const { sessions } = useSessions(UNARCHIVED, inScope);
  const waiting = useWaiting(inScope);
  const [path, navigate] = useLocation();
  const others = sessions.filter((session) => session.status !== "waiting").slice(0, MOST);
  const step = (by: number) => {
    const all = [...waiting, ...others].map((session) => `/session/${session.sessionId}`);
    const to = all[(all.indexOf(path) + by + all.length) % all.length];
    if (to) navigate(to);
  };
  useCommand("go.next", () => step(1), others.length + waiting.length > 0);
  useCommand("go.previous", () => step(-1), others.length + waiting.length > 0);
  return (
    <nav className="side" aria-label="Sessions" onClick={onChoose}>
      <Part title="Waiting for you" sessions={waiting} path={path} />
      <Part title="Sessions" sessions={others} path={path} />
    </nav>
  );
}

function Part({ title, sessions, path }: { title: string; sessions: Session[]; path: string }) {
  if (sessions.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <ul>
        {sessions.map((session) => (
          <li key={session.sessionId}>
            <Link
              href={`/session/${session.sessionId}`}
              aria-current={path === `/session/${session.sessionId}` ? "page" : undefined}
              title={nameOf(session)}
            >
              <StatusDot status={session.status} />
              <span className="clip">{nameOf(session)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
