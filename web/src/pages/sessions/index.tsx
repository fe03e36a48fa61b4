import "./sessions.css";
import { useEffect, useRef, useState } from "react";
import { Link, useSearchParams } from "wouter";
import { messageOf } from "../../api/client";
import type { Project } from "../../api/gen";
import { type SessionFilter, useAgents, useProjects, useSessions, useWaiting } from "../../api/queries";
import { useMayWrite } from "../../app";
import { useCommand } from "../../keys";
import { show } from "../../manage/dialog";
import { Menu } from "../../parts/Menu";
import { Title } from "../../parts/Title";
import { lineOf } from "../../parts/visible";
import { changed, filterOf, isNarrowed, STATUSES } from "./filter";
import { List } from "./List";
import { Welcome } from "./Welcome";

const TYPED_MS = 200;

/** All sessions: what waits for a human on top, then the last active. */
export default function Sessions() {
  const [params, setParams] = useSearchParams();
  const filter = filterOf(params);
  const { sessions, isPending, isPlaceholderData, error, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } =
    useSessions(filter);
  const waits = useWaiting();
  const projects = useProjects().data ?? [];
  const mayWrite = useMayWrite();
  const narrowed = isNarrowed(filter);
  const set = (name: string, value: string) => setParams((now) => changed(now, name, value), { replace: true });
  const onTop = narrowed || filter.archived === "true" ? [] : waits.filter((each) => belongs(each, filter));
  const top = new Set(onTop.map((session) => session.sessionId));
  const others = sessions.filter((session) => !top.has(session.sessionId));
  const nothing = !isPending && !error && onTop.length + others.length === 0;
  const project = projects.find((each) => each.projectId === filter.projectId);
  const newcomer = nothing && !narrowed && !filter.projectId && filter.archived === "false";
  return (
    <div className="sessions">
      <Title>{project?.name ?? "Sessions"}</Title>
      <header className="row">
        <h1 className="grow clip">{lineOf(project?.name ?? "Sessions")}</h1>
        {mayWrite && (
          <button
            className="button primary"
            onClick={() => show({ kind: "new", projectId: filter.projectId, mode: filter.mode })}
          >
            New session
          </button>
        )}
      </header>
      <Projects projects={projects} chosen={filter.projectId} />
      <div className="filters">
        <Search key={params.get("projectId")} value={filter.q ?? ""} onSearch={(text) => set("q", text)} />
        <Choices filter={filter} set={set} />
      </div>
      {error && (
        <p className="problem" role="alert">
          {messageOf(error)}{" "}
          <button className="button" onClick={() => void refetch()}>
            Try again
          </button>
        </p>
      )}
      {newcomer ? (
        <Welcome />
      ) : nothing ? (
        <div className="empty" role="status">
          <p>{narrowed ? "No session matches." : filter.archived === "true" ? "Nothing is archived." : "No sessions yet."}</p>
          {narrowed && (
            <button className="button" onClick={() => setParams({})}>
              Show all sessions
            </button>
          )}
        </div>
      ) : (
        <List
          key={`${filter.projectId} ${filter.archived}`}
          waiting={onTop}
          sessions={others}
          projects={projects}
          search={filter.q ?? ""}
          stale={isPlaceholderData}
          onEnd={hasNextPage && !isFetchingNextPage && !error ? () => void fetchNextPage() : undefined}
        />
      )}
    </div>
  );
}

const belongs = ({ projectId }: { projectId?: string }, filter: SessionFilter): boolean =>
  !filter.projectId || projectId === filter.projectId;

/** The projects, to choose one of; the chosen one's menu. */
function Projects({ projects, chosen }: { projects: Project[]; chosen: string | undefined }) {
  const mayWrite = useMayWrite();
  const project = projects.find((each) => each.projectId === chosen);
  return (
    <nav className="projects" aria-label="Projects">
      <ul>
        <li>
          <Link href="/sessions" aria-current={chosen ? undefined : "page"}>
            All
          </Link>
        </li>
        {projects.map(({ projectId, name, rootDir }) => (
          <li key={projectId}>
            <Link
              href={`/sessions?projectId=${projectId}`}
              aria-current={projectId === chosen ? "page" : undefined}
              title={`${name}: ${rootDir}`}
              ref={(element) => {
                if (projectId === chosen) element?.scrollIntoView({ block: "nearest", inline: "nearest" });
              }}
            >
              {lineOf(name)}
            </Link>
          </li>
        ))}
      </ul>
      {mayWrite && project && (
        <Menu
          label={`Actions: project ${project.name}`}
          items={[
            { title: "Change…", onSelect: () => show({ kind: "project", project }) },
            { title: "Delete…", danger: true, onSelect: () => show({ kind: "delete-project", project }) },
          ]}
        >
          ⋯
        </Menu>
      )}
      {mayWrite && (
        <button className="button plain" aria-label="New project" onClick={() => show({ kind: "project" })}>
          +<span className="wide">New project</span>
        </button>
      )}
    </nav>
  );
}

/** Searches a moment after the last key. */
function Search({ value, onSearch }: { value: string; onSearch: (text: string) => void }) {
  const [text, setText] = useState(value);
  const field = useRef<HTMLInputElement>(null);
  const search = useRef(onSearch);
  useEffect(() => {
    search.current = onSearch;
  });
  useEffect(() => {
    if (text.trim() === value) return;
    const timer = setTimeout(() => search.current(text.trim()), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text, value]);
  const [shown, setShown] = useState(value);
  if (shown !== value) {
    setShown(value); // the address changed: by going back, or by showing all
    if (text.trim() !== value) setText(value);
  }
  useCommand("sessions.search", () => field.current?.focus());
  return (
    <input
      ref={field}
      type="search"
      className="input"
      aria-label="Search sessions"
      placeholder="Search titles, prompts and answers"
      maxLength={200}
      value={text}
      onChange={(event) => setText(event.target.value)}
    />
  );
}

function Choices({ filter, set }: { filter: SessionFilter; set: (name: string, value: string) => void }) {
  const agents = useAgents().data ?? [];
  return (
    <>
      <select
        className="input"
        aria-label="Status"
        value={filter.status ?? ""}
        onChange={(event) => set("status", event.target.value)}
      >
        <option value="">Any status</option>
        {STATUSES.map((status) => (
          <option key={status}>{status}</option>
        ))}
      </select>
      <select
        className="input"
        aria-label="Agent"
        value={filter.mode ?? ""}
        onChange={(event) => set("mode", event.target.value)}
      >
        <option value="">Any agent</option>
        {agents.map(({ mode, title }) => (
          <option key={mode} value={mode}>
            {title}
          </option>
        ))}
      </select>
      <label className="check">
        <input
          type="checkbox"
          checked={filter.archived === "true"}
          onChange={(event) => set("archived", event.target.checked ? "true" : "")}
        />
        <span>Archived</span>
      </label>
    </>
  );
}
