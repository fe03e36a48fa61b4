import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { ask, messageOf } from "../api/client";
import { createSession, submitPrompt } from "../api/gen";
import { tell, useAgents, useProjects } from "../api/queries";
import { isComposing } from "../keys";
import { Dialog } from "../parts/Dialog";
import { toastError } from "../parts/toast";
import { Buttons, ProjectChoice, Said, tidy } from "./form";
import { PathField } from "./Path";
import { useSending } from "./sending";

interface Props {
  projectId?: string | undefined;
  mode?: string | undefined;
  onClose: () => void;
}

const LAST = "towpath.mode";

/** Asks for a new session: with which agent, where, and what to begin with. */
export function NewSession({ projectId: inProject = "", mode: wanted, onClose }: Props) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const agents = useAgents();
  const projects = useProjects().data ?? [];
  const [chosen, setMode] = useState(wanted ?? localStorage.getItem(LAST) ?? "shell");
  const [projectId, setProjectId] = useState(inProject);
  const [workingDir, setWorkingDir] = useState("");
  const [worktree, setWorktree] = useState(false);
  const [command, setCommand] = useState("");
  const { busy, text, at, other, headers, run } = useSending();
  const available = agents.data?.filter((agent) => agent.available) ?? [];
  const missing = agents.data?.filter((agent) => !agent.available) ?? [];
  const mode = available.some((agent) => agent.mode === chosen) ? chosen : (available[0]?.mode ?? chosen);
  const send = () =>
    run(async () => {
      const body = {
        mode,
        ...(projectId && { projectId }),
        ...(workingDir && { workingDir: tidy(workingDir) }),
        ...(worktree && { isolation: "worktree" as const }),
      };
      const session = await ask(createSession({ body, headers: headers(body) }));
      localStorage.setItem(LAST, mode);
      tell(queries, [session]);
      const { sessionId } = session;
      if (command.trim()) {
        const path = { sessionId };
        await ask(submitPrompt({ path, body: { command }, headers: headers({ path, command }) })).catch((error: unknown) => {
          localStorage.setItem(`towpath.draft.${sessionId}`, command); // it waits in the prompt box
          toastError(new Error(`The session is made, the prompt was not sent: ${messageOf(error)}`));
        });
      }
      onClose();
      navigate(`/session/${sessionId}`);
    });
  const footer = (
    <Buttons action={command.trim() ? "Make it and send" : "Make it"} busy={busy} onClose={onClose} />
  );
  return (
    <Dialog title="New session" onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <label className="field">
        <span>First prompt; may be left empty</span>
        <textarea
          className="input"
          rows={3}
          value={command}
          onChange={(event) => setCommand(event.target.value)}
          onKeyDown={(event) => {
            if (isComposing(event.nativeEvent) || event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
        />
      </label>
      <fieldset className="agents">
        <legend>Agent</legend>
        {available.map((agent) => (
          <label key={agent.mode} className="check">
            <input type="radio" name="mode" checked={mode === agent.mode} onChange={() => setMode(agent.mode)} />
            <span>{agent.title}</span>
          </label>
        ))}
        {missing.length > 0 && <Missing agents={missing} />}
      </fieldset>
      <ProjectChoice projects={projects} value={projectId} onChange={setProjectId} />
      <PathField
        label="Directory; may be left empty"
        value={workingDir}
        onChange={setWorkingDir}
        root={projects.find((project) => project.projectId === projectId)?.rootDir}
        problem={at("workingDir")}
      />
      <label className="check">
        <input type="checkbox" checked={worktree} onChange={(event) => setWorktree(event.target.checked)} />
        <span>
          In a git worktree of its own <span className="faint">(a copy on a branch, which others don’t disturb)</span>
        </span>
      </label>
      <Said text={text || other("workingDir") || (agents.error ? messageOf(agents.error) : "")} />
    </Dialog>
  );
}

/** Agents that this server can't start, each with what to do about it. */
export function Missing({ agents }: { agents: { mode: string; title: string; reason?: string }[] }) {
  return (
    <details className="missing">
      <summary>{agents.length} more, not installed on the server</summary>
      <dl>
        {agents.map(({ mode, title, reason }) => (
          <div key={mode}>
            <dt>{title}</dt>
            <dd className="faint breakable">{reason}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}
