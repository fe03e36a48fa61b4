/** What can be done to sessions from anywhere: lists, the session's own page, the palette. */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { useLocation } from "wouter";
import { ask, once } from "../api/client";
import { duplicateSession, type Session, updateSession } from "../api/gen";
import { tell } from "../api/queries";
import { useMayWrite } from "../app";
import type { MenuItem } from "../parts/Menu";
import { toast, toastError } from "../parts/toast";
import { lineOf } from "../parts/visible";
import { show } from "./dialog";

export const nameOf = ({ title }: Pick<Session, "title">): string => lineOf(title) || "Untitled";

/** Rename a session; an empty name lets the next prompt give one. */
export async function rename(queries: QueryClient, { sessionId }: Session, title: string): Promise<void> {
  tell(queries, [await ask(updateSession({ path: { sessionId }, body: { title: title.trim() || null } }))]);
}

async function setArchived(queries: QueryClient, session: Session, archived: boolean): Promise<void> {
  const { sessionId } = session;
  tell(queries, [await ask(updateSession({ path: { sessionId }, body: { archived } }))]);
}

/** Archive a session, or take it back; either can be undone for a while. */
function archive(queries: QueryClient, session: Session): void {
  const archived = !session.archived;
  const undo = { title: "Undo", act: () => void setArchived(queries, session, !archived).catch(toastError) };
  const done = () => toast(`${archived ? "Archived" : "Taken back"}: ${nameOf(session)}`, undo);
  setArchived(queries, session, archived).then(done, toastError);
}

export interface SessionActions {
  archive: (session: Session) => void;
  duplicate: (session: Session) => void;
  /** A session's menu. `rename` replaces the dialog, where a page renames in place. */
  menu: (session: Session, rename?: () => void) => (MenuItem | null)[];
}

export function useSessionActions(): SessionActions {
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite();
  return useMemo(() => {
    const duplicate = ({ sessionId }: Session) =>
      void ask(duplicateSession({ path: { sessionId }, headers: once() })).then((made) => {
        tell(queries, [made]);
        navigate(`/session/${made.sessionId}`);
        toast("This is the duplicate: the same settings, nothing said yet.");
      }, toastError);
    const menu: SessionActions["menu"] = (session, rename) => {
      const { sessionId } = session;
      const download = { title: "Export as Markdown", onSelect: () => save(sessionId, "markdown") };
      const events = { title: "Export as JSON", onSelect: () => save(sessionId, "jsonl") };
      if (!mayWrite) return [download, events];
      return [
        { title: "Rename…", onSelect: rename ?? (() => show({ kind: "rename", session })) },
        { title: "Duplicate", onSelect: () => duplicate(session) },
        { title: "Fork…", onSelect: () => show({ kind: "fork", session }) },
        { title: "Move…", onSelect: () => show({ kind: "move", session }) },
        download,
        events,
        null,
        { title: session.archived ? "Take back" : "Archive", onSelect: () => archive(queries, session) },
        { title: "Delete…", danger: true, onSelect: () => show({ kind: "delete", session }) },
      ];
    };
    return { archive: (session: Session) => archive(queries, session), duplicate, menu };
  }, [queries, navigate, mayWrite]);
}

/** Save a session's transcript as a file. */
export function save(sessionId: string, format: "markdown" | "jsonl"): void {
  const link = document.createElement("a");
  link.href = `/api/session/${sessionId}/export?format=${format}`;
  link.download = "";
  link.click();
}
