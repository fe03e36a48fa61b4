import "./manage.css";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { ask } from "../api/client";
import {
  createProject,
  deleteProject,
  deleteSession,
  forkSession,
  getChanges,
  type MoveSession,
  moveSession,
  type Project,
  type Session,
  updateProject,
} from "../api/gen";
import { tell, useProjects } from "../api/queries";
import { Dialog } from "../parts/Dialog";
import { toast } from "../parts/toast";
import { nameOf, rename } from "./actions";
import type { Shown } from "./dialog";
import { Buttons, ProjectChoice, Said, tidy } from "./form";
import { NewSession } from "./NewSession";
import { PathField } from "./Path";
import { useSending } from "./sending";

interface Props {
  onClose: () => void;
}

/** The dialog that somebody asked for. */
export default function Dialogs({ shown, onClose }: Props & { shown: Shown }) {
  switch (shown.kind) {
    case "new":
      return <NewSession {...shown} onClose={onClose} />;
    case "rename":
      return <Rename session={shown.session} onClose={onClose} />;
    case "move":
      return <Move session={shown.session} onClose={onClose} />;
    case "fork":
      return <Fork {...shown} onClose={onClose} />;
    case "delete":
      return <Delete session={shown.session} onClose={onClose} />;
    case "project":
      return <EditProject project={shown.project} onClose={onClose} />;
    case "delete-project":
      return <DeleteProject project={shown.project} onClose={onClose} />;
  }
}

function Rename({ session, onClose }: Props & { session: Session }) {
  const queries = useQueryClient();
  const [title, setTitle] = useState(session.title);
  const { busy, text, at, run } = useSending();
  const send = () =>
    run(async () => {
      await rename(queries, session, title);
      onClose();
    });
  const footer = <Buttons action="Rename" busy={busy} onClose={onClose} />;
  return (
    <Dialog title="Rename the session" onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <label className="field">
        <span>Name; empty: the next prompt gives one</span>
        <input
          className="input"
          maxLength={200}
          value={title}
          onFocus={(event) => event.target.select()}
          onChange={(event) => setTitle(event.target.value)}
        />
      </label>
      <Said text={text || at("title") || ""} />
    </Dialog>
  );
}

function Move({ session, onClose }: Props & { session: Session }) {
  const queries = useQueryClient();
  const projects = useProjects().data ?? [];
  const [projectId, setProjectId] = useState(session.projectId ?? "");
  const [workingDir, setWorkingDir] = useState("");
  const { busy, text, code, at, other, headers, run } = useSending();
  const waits = code === "session-busy";
  const changed = projectId !== (session.projectId ?? "");
  const send = () =>
    run(async () => {
      const where = {
        ...(changed && { projectId: projectId || null }),
        ...(workingDir && { workingDir: tidy(workingDir) }),
        ...(waits && { wait: true }),
      };
      if (!changed && !workingDir) {
        onClose();
        return;
      }
      const body = where as MoveSession;
      const answer = await ask(moveSession({ path: session, body, headers: headers(body) }));
      tell(queries, [answer.session]);
      toast(answer.message);
      onClose();
    });
  const footer = <Buttons action={waits ? "Move when the turn is over" : "Move"} busy={busy} onClose={onClose} />;
  return (
    <Dialog title={`Move “${nameOf(session)}”`} onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <p className="faint">
        It works in <span className="mono">{session.workingDir}</span>. In another directory its agent begins anew.
      </p>
      <ProjectChoice projects={projects} value={projectId} onChange={setProjectId} />
      <PathField
        label="Directory; empty: the project’s, or where it is"
        value={workingDir}
        onChange={setWorkingDir}
        root={projects.find((project) => project.projectId === projectId)?.rootDir}
        problem={at("workingDir")}
      />
      <Said text={text || other("workingDir")} />
    </Dialog>
  );
}

function Fork({ session, atSeq, draft, onClose }: Props & Extract<Shown, { kind: "fork" }>) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [isolation, setIsolation] = useState<"" | "none" | "worktree">("");
  const { busy, text, other, headers, run } = useSending();
  const send = () =>
    run(async () => {
      const body = { ...(atSeq && { atSeq }), ...(isolation && { isolation }) };
      const path = { sessionId: session.sessionId };
      const answer = await ask(forkSession({ path, body, headers: headers(body) }));
      tell(queries, [answer.session]);
      if (draft) localStorage.setItem(`towpath.draft.${answer.session.sessionId}`, draft);
      onClose();
      navigate(`/session/${answer.session.sessionId}`);
      toast(
        answer.agentMemory === "forked"
          ? "This is the fork; its agent remembers what was said."
          : "This is the fork; its agent begins anew and remembers nothing.",
      );
    });
  const footer = <Buttons action="Fork" busy={busy} onClose={onClose} />;
  return (
    <Dialog title={`Fork “${nameOf(session)}”`} onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <p>
        {draft !== undefined
          ? "A new session that begins with this one’s history before this prompt, which waits in its prompt box."
          : atSeq
            ? "A new session that begins with this one’s history up to here."
            : "A new session that begins with all of this one’s history."}{" "}
        This one stays as it is.
      </p>
      <label className="field">
        <span>Where it works</span>
        <select
          className="input"
          value={isolation}
          onChange={(event) => setIsolation(event.target.value as typeof isolation)}
        >
          <option value="">As this session: beside it, or in a worktree too</option>
          <option value="worktree">In a git worktree of its own</option>
          <option value="none">In the same directory</option>
        </select>
      </label>
      <Said text={text || other()} />
    </Dialog>
  );
}

function Delete({ session, onClose }: Props & { session: Session }) {
  const [path, navigate] = useLocation();
  const { sessionId } = session;
  const [discardWorktree, setDiscard] = useState(false);
  const { busy, text, other, run } = useSending();
  const worktree = useQuery({
    queryKey: ["changes", sessionId, "before deleting"],
    queryFn: () => ask(getChanges({ path: { sessionId } })),
    retry: false,
    gcTime: 0,
  });
  const send = () =>
    run(async () => {
      const answer = await ask(deleteSession({ path: { sessionId }, query: { discardWorktree } }));
      onClose();
      if (path === `/session/${sessionId}`) navigate("/sessions");
      toast(answer.message);
    });
  const footer = <Buttons action="Delete" danger busy={busy} onClose={onClose} />;
  return (
    <Dialog title="Delete the session?" onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <p className="breakable">
        “{nameOf(session)}” and all that was said in it will be gone, and what still runs in it ends. That can’t be undone.
      </p>
      {worktree.isSuccess && (
        <label className="check">
          <input type="checkbox" checked={discardWorktree} onChange={(event) => setDiscard(event.target.checked)} />
          <span>
            Its worktree too, if it holds what no commit does
            {worktree.data.files.length > 0 && ` (${worktree.data.files.length} changed files)`}
          </span>
        </label>
      )}
      <Said text={text || other()} />
    </Dialog>
  );
}

function EditProject({ project, onClose }: Props & { project: Project | undefined }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const [name, setName] = useState(project?.name ?? "");
  const [rootDir, setRootDir] = useState(project?.rootDir ?? "");
  const { busy, text, at, other, headers, run } = useSending();
  const send = () =>
    run(async () => {
      const body = { name: name.trim(), rootDir: tidy(rootDir) || "." };
      const made = project
        ? await ask(updateProject({ path: project, body }))
        : await ask(createProject({ body, headers: headers(body) }));
      void queries.invalidateQueries({ queryKey: ["projects"] });
      onClose();
      if (!project) navigate(`/sessions?projectId=${made.projectId}`);
    });
  const title = project ? "Change the project" : "New project";
  const footer = <Buttons action={project ? "Save" : "Make it"} busy={busy} onClose={onClose} />;
  return (
    <Dialog title={title} onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <label className="field">
        <span>Name</span>
        <input
          className="input"
          required
          maxLength={80}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <PathField label="Directory" value={rootDir} onChange={setRootDir} problem={at("rootDir")} />
      {project && <p className="faint">Sessions that it has stay where they work.</p>}
      <Said text={text || other("rootDir")} />
    </Dialog>
  );
}

function DeleteProject({ project, onClose }: Props & { project: Project }) {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const { busy, text, other, run } = useSending();
  const send = () =>
    run(async () => {
      const { detached } = await ask(deleteProject({ path: project }));
      void queries.invalidateQueries({ queryKey: ["projects"] });
      void queries.invalidateQueries({ queryKey: ["sessions"] });
      onClose();
      navigate("/sessions");
      toast(detached === 1 ? "Its session stays, without a project." : `Its ${detached} sessions stay, without a project.`);
    });
  const footer = <Buttons action="Delete" danger busy={busy} onClose={onClose} />;
  return (
    <Dialog title={`Delete the project “${project.name}”?`} onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <p>Its sessions stay, without a project. Nothing in its directory is touched.</p>
      <Said text={text || other()} />
    </Dialog>
  );
}
