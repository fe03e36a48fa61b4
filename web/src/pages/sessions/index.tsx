import "./sessions.css";
import { useLocation, Link } from "wouter";
import { messageOf } from "../../api/client";
import { useCreateSession, useSessions } from "../../api/queries";
import { useCommand } from "../../keys";
import { StatusDot } from "../../parts/StatusDot";
import { Time } from "../../parts/Time";

/** All sessions. */
export default function Sessions() {
  const { sessions, isPending, error, hasNextPage, fetchNextPage } = useSessions();
  const create = useCreateSession();
  const [, navigate] = useLocation();
  const begin = () =>
    create.mutate({ mode: "shell" }, { onSuccess: (session) => navigate(`/session/${session.sessionId}`) });
  useCommand("sessions.new", begin);
  return (
    <div className="sessions">
      <title>Sessions · Towpath</title>
      <header className="row">
        <h1 className="grow">Sessions</h1>
        <button className="button primary" onClick={begin} disabled={create.isPending}>
          New session
        </button>
      </header>
      {error && <p className="problem">{messageOf(error)}</p>}
      {!isPending && sessions.length === 0 && <p className="empty">No sessions yet.</p>}
      <ul>
        {sessions.map((session) => (
          <li key={session.sessionId}>
            <Link href={`/session/${session.sessionId}`}>
              <StatusDot status={session.status} />
              <span className="grow clip">{session.title || "Untitled"}</span>
              <span className="faint clip mono">{session.workingDir}</span>
              <Time at={session.lastActivity} />
            </Link>
          </li>
        ))}
      </ul>
      {hasNextPage && (
        <button className="button" onClick={() => void fetchNextPage()}>
          More
        </button>
      )}
    </div>
  );
}
