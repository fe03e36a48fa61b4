import { useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, memo, useCallback, useMemo, useRef, useState } from "react";
import { Virtualizer, type VirtualizerHandle } from "virtua";
import { Link } from "wouter";
import type { Project, Session } from "../../api/gen";
import { useMayWrite } from "../../app";
import { isComposing } from "../../keys";
import { nameOf, rename } from "../../manage/actions";
import { SessionCommands } from "../../manage/SessionCommands";
import { SessionMenu } from "../../manage/SessionMenu";
import { StatusDot } from "../../parts/StatusDot";
import { Time } from "../../parts/Time";
import { toastError } from "../../parts/toast";
import { lineOf, visible } from "../../parts/visible";
import { marked } from "./filter";

interface Props {
  waiting: Session[];
  sessions: Session[];
  projects: Project[];
  search: string;
  /** What is shown belongs to the search before. */
  stale: boolean;
  /** Fetches what comes behind the last one, if there is more. */
  onEnd: (() => void) | undefined;
}

const NEAR = 1200; // px from the end at which the next page is fetched

/** Sessions, those in sight in the page: arrows move, Enter opens, F2 renames. */
export function List({ waiting, sessions, projects, search, stale, onEnd }: Props) {
  const list = useRef<VirtualizerHandle>(null);
  const [focused, setFocused] = useState("");
  const [renamed, setRenamed] = useState("");
  const mayWrite = useMayWrite();
  const names = useMemo(() => new Map(projects.map(({ projectId, name }) => [projectId, name])), [projects]);
  const rows = useMemo(
    () => [
      ...(waiting.length ? ["Waiting for you", ...waiting, "Others"] : []),
      ...sessions,
    ],
    [waiting, sessions],
  );
  const current = [...waiting, ...sessions].find((session) => session.sessionId === focused);
  const begin = useCallback((sessionId: string) => setRenamed(sessionId), []);
  const end = useCallback((sessionId: string) => {
    setRenamed("");
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-session="${sessionId}"] a`)?.focus());
  }, []);
  const look = () => {
    const { scrollOffset, scrollSize, viewportSize } = list.current!;
    if (scrollSize - viewportSize - scrollOffset < NEAR) onEnd?.();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
    const row = (event.target as HTMLElement).closest<HTMLElement>("a")?.closest<HTMLElement>("[data-session]");
    if (!step || !row) return;
    event.preventDefault();
    let to = rows.findIndex((each) => typeof each !== "string" && each.sessionId === row.dataset["session"]) + step;
    if (typeof rows[to] === "string") to += step;
    const next = rows[to];
    if (!next || typeof next === "string") return;
    list.current?.scrollToIndex(to, { align: "nearest" });
    requestAnimationFrame(() =>
      document.querySelector<HTMLElement>(`[data-session="${next.sessionId}"] a`)?.focus({ preventScroll: true }),
    );
  };
  return (
    <div
      className={stale ? "list stale" : "list"}
      onKeyDown={onKeyDown}
      onFocus={(event) => {
        const row = event.target.closest<HTMLElement>("[data-session]");
        setFocused(row?.dataset["session"] ?? "");
      }}
      onBlur={({ relatedTarget, currentTarget }) => {
        // a dialog takes the focus for a while, and so does another window
        const stays = relatedTarget ? relatedTarget.closest("dialog") || currentTarget.contains(relatedTarget) : !document.hasFocus();
        if (!stays) setFocused("");
      }}
    >
      <Virtualizer ref={list} as="ul" item="li" onScroll={look} onScrollEnd={look} data={rows}>
        {(row) =>
          typeof row === "string" ? (
            <h2 key={row}>{row}</h2>
          ) : (
            <Row
              key={row.sessionId}
              session={row}
              project={row.projectId ? (names.get(row.projectId) ?? "") : ""}
              search={search}
              renaming={renamed === row.sessionId}
              onRename={begin}
              onRenamed={end}
            />
          )
        }
      </Virtualizer>
      {current && <SessionCommands key={focused} session={current} rename={() => mayWrite && setRenamed(focused)} />}
    </div>
  );
}

interface RowProps {
  session: Session;
  project: string;
  search: string;
  renaming: boolean;
  onRename: (sessionId: string) => void;
  onRenamed: (sessionId: string) => void;
}

const Row = memo(function Row({ session, project, search, renaming, onRename, onRenamed }: RowProps) {
  const { sessionId, status, mode, workingDir, lastActivity, snippet } = session;
  return (
    <div className={status === "waiting" ? "entry waits" : "entry"} data-session={sessionId}>
      <span className="status">
        <StatusDot status={status} word />
      </span>
      {renaming ? (
        <Name session={session} onEnd={() => onRenamed(sessionId)} />
      ) : (
        <Link href={`/session/${sessionId}`} className="grow clip" title={nameOf(session)}>
          <Marked text={nameOf(session)} search={search} />
        </Link>
      )}
      <span className="place faint clip">{lineOf(project) || <span className="mono">{visible(workingDir)}</span>}</span>
      <span className="mode faint clip">{lineOf(mode)}</span>
      <Time at={lastActivity} />
      <SessionMenu session={session} rename={() => onRename(sessionId)} />
      {snippet && (
        <p className="snippet faint clip">
          <Marked text={snippet} search={search} />
        </p>
      )}
    </div>
  );
});

const Marked = ({ text, search }: { text: string; search: string }) =>
  marked(lineOf(text), search).map((piece, place) => (place % 2 ? <mark key={place}>{piece}</mark> : piece));

/** A session's name, being written: Enter or leaving keeps it, Escape does not. */
function Name({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const queries = useQueryClient();
  const over = useRef(false);
  const finish = (title: string) => {
    if (over.current) return; // leaving comes after Enter, too
    over.current = true;
    if (title.trim() !== session.title) rename(queries, session, title).catch(toastError);
    onEnd();
  };
  return (
    <input
      className="input grow"
      aria-label="Name"
      autoFocus
      maxLength={200}
      placeholder="Untitled"
      defaultValue={session.title}
      onFocus={(event) => event.target.select()}
      onBlur={(event) => finish(event.target.value)}
      onKeyDown={(event) => {
        if (isComposing(event.nativeEvent)) return;
        if (event.key === "Enter") finish(event.currentTarget.value);
        else if (event.key === "Escape") finish(session.title);
        else return;
        event.preventDefault();
      }}
    />
  );
}
