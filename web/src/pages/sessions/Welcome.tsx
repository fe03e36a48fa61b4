import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { ask, once } from "../../api/client";
import { createSession, submitPrompt } from "../../api/gen";
import { tell, useAgents } from "../../api/queries";
import { useMayWrite } from "../../app";
import { toastError } from "../../parts/toast";

const STARTS = [
  { mode: "shell", title: "Run a command", text: "A shell that keeps what it did.", command: "echo Hello from $(hostname); uname -sr; ls" },
  { mode: "demo", title: "Watch the demo agent", text: "Scripted, without a model: thoughts, tools, a plan, a question.", command: "Show me what you can do" },
];

/** What somebody can do first, who has no sessions yet. */
export function Welcome() {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [busy, setBusy] = useState(false);
  const agents = useAgents().data ?? [];
  const mayWrite = useMayWrite();
  const begin = async (mode: string, command: string) => {
    setBusy(true);
    try {
      const session = await ask(createSession({ body: { mode }, headers: once() }));
      tell(queries, [session]);
      await ask(submitPrompt({ path: session, body: { command }, headers: once() }));
      navigate(`/session/${session.sessionId}`);
    } catch (error) {
      toastError(error);
      setBusy(false);
    }
  };
  const others = agents.filter(({ mode }) => STARTS.every((start) => start.mode !== mode));
  if (!mayWrite) return <p className="empty">No sessions yet.</p>;
  return (
    <div className="welcome">
      <h2>Nothing here yet. Begin with one of these:</h2>
      <ul className="starts">
        {STARTS.filter(({ mode }) => agents.some((agent) => agent.mode === mode && agent.available)).map((start) => (
          <li key={start.mode}>
            <button className="button primary" disabled={busy} onClick={() => void begin(start.mode, start.command)}>
              {start.title}
            </button>
            <p className="faint">
              {start.text} Sends <code>{start.command}</code>
            </p>
          </li>
        ))}
      </ul>
      {others.length > 0 && (
        <>
          <h2>Agents</h2>
          <dl className="known">
            {others.map(({ mode, title, available, reason }) => (
              <div key={mode}>
                <dt>
                  <span className={available ? "dot running" : "dot idle"} aria-hidden="true" />
                  {title}
                  <span className="faint">{available ? "ready" : "not installed"}</span>
                </dt>
                {reason && <dd className="faint">{reason}</dd>}
              </div>
            ))}
          </dl>
        </>
      )}
    </div>
  );
}
