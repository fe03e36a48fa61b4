import "./terminal.css";
import { Link, useLocation } from "wouter";
import { messageOf } from "../../api/client";
import type { TerminalView } from "../../api/gen";
import { useOpenTerminal, useTerminals } from "../../api/queries";
import { useApp } from "../../app";
import { useCommand } from "../../keys";
import { Screen } from "./Screen";

/** One terminal with those beside it; of a session's id, the newest of that session. */
export default function Terminal({ id }: { id: string }) {
  const { data: all, error } = useTerminals();
  const { me } = useApp();
  const open = useOpenTerminal();
  const [, navigate] = useLocation();
  const named = all?.find((each) => each.terminalId === id);
  const sessionId = named ? named.sessionId : id;
  const beside = all?.filter((each) => each.sessionId === sessionId) ?? [];
  const shown = named ?? beside.findLast((each) => each.status === "running") ?? beside.at(-1);
  const mayType = me.scope === "full";
  const begin = () =>
    open.mutate(sessionId && (named ?? beside.length > 0) ? { sessionId } : {}, {
      onSuccess: ({ terminalId }) => navigate(`/terminal/${terminalId}`),
    });
  useCommand("terminal.new", begin, mayType);
  if (error) return <p className="empty problem">{messageOf(error)}</p>;
  if (!all) return null;
  if (!shown) return <None id={id} mayType={mayType} />;
  return (
    <div className="terminal">
      <nav className="tabs" aria-label="Terminals">
        {sessionId && (
          <Link href={`/session/${sessionId}`} className="button plain">
            ← Session
          </Link>
        )}
        <ul>
          {beside.map((each, place) => (
            <li key={each.terminalId}>
              <Link
                href={`/terminal/${each.terminalId}`}
                className="button plain"
                aria-current={each === shown ? "page" : undefined}
              >
                <span className={each.status === "running" ? "dot running" : "dot idle"} aria-hidden="true" />
                {nameOf(each, place)}
                <span className="hidden">{each.status}</span>
              </Link>
            </li>
          ))}
        </ul>
        {mayType && (
          <button className="button plain icon" aria-label="New terminal" onClick={begin} disabled={open.isPending}>
            +
          </button>
        )}
      </nav>
      <Screen key={shown.terminalId} terminal={shown} mayType={mayType} onAgain={begin} />
    </div>
  );
}

/** Says that there is none, and offers one where there could be. */
function None({ id, mayType }: { id: string; mayType: boolean }) {
  const open = useOpenTerminal();
  const [, navigate] = useLocation();
  const begin = (where: { sessionId?: string }) =>
    open.mutate(where, { onSuccess: ({ terminalId }) => navigate(`/terminal/${terminalId}`, { replace: true }) });
  return (
    <div className="empty">
      <title>Terminal · Towpath</title>
      <h1>No terminal here</h1>
      <p>It was closed, or its session has none yet.</p>
      {mayType && (
        <p className="row choices">
          <button className="button primary" onClick={() => begin({ sessionId: id })} disabled={open.isPending}>
            Open one in this session
          </button>
          <button className="button" onClick={() => begin({})} disabled={open.isPending}>
            Open one on its own
          </button>
        </p>
      )}
    </div>
  );
}

function nameOf({ workingDir, owner }: TerminalView, place: number): string {
  const folder = workingDir.split("/").filter(Boolean).at(-1) ?? "/";
  return `${place + 1} ${owner === "agent" ? "agent: " : ""}${folder}`;
}
