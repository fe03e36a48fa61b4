/** What pages look up by REST, and how the lifecycle stream keeps it true. */
import { type QueryClient, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { toastError } from "../parts/toast";
import { ask, once } from "./client";
import {
  createSession,
  type CreateSession,
  listAgents,
  listProjects,
  listSessions,
  listTerminals,
  openTerminal,
  type OpenTerminal,
  removeTerminal,
  type ListSessionsData,
  type Session,
  type SessionPage,
} from "./gen";
import type { AnyEvent, Shared } from "./shared";

export type SessionFilter = Omit<NonNullable<ListSessionsData["query"]>, "cursor" | "limit">;

const PAGE = 100;

/** Sessions as the server lists them, the last active first, page by page. */
export function useSessions(filter: SessionFilter = {}) {
  const query = useInfiniteQuery({
    queryKey: ["sessions", filter],
    queryFn: ({ pageParam, signal }) =>
      ask(listSessions({ query: { ...filter, limit: PAGE, ...(pageParam && { cursor: pageParam }) }, signal })),
    initialPageParam: "",
    getNextPageParam: (page: SessionPage) => page.nextCursor,
  });
  const sessions = useMemo(() => query.data?.pages.flatMap((page) => page.sessions) ?? [], [query.data]);
  return { ...query, sessions };
}

export const useAgents = () =>
  useQuery({ queryKey: ["agents"], queryFn: () => ask(listAgents()), select: (found) => found.agents });

export const useProjects = () =>
  useQuery({ queryKey: ["projects"], queryFn: () => ask(listProjects()), select: (found) => found.projects });

export function useCreateSession() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: CreateSession) => ask(createSession({ body, headers: once() })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["sessions"] }),
    onError: toastError,
  });
}

export const useTerminals = () =>
  useQuery({ queryKey: ["terminals"], queryFn: () => ask(listTerminals()), select: (found) => found.terminals });

export function useOpenTerminal() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: OpenTerminal) => ask(openTerminal({ body, headers: once() })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["terminals"] }),
    onError: toastError,
  });
}

export function useRemoveTerminal() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (terminalId: string) => ask(removeTerminal({ path: { terminalId }, headers: once() })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["terminals"] }),
    onError: toastError,
  });
}

const REFETCH_MS = 300; // many sessions that begin together are one fetch

/** Let the lifecycle of all sessions reach what was looked up; the answer ends it. */
export function keepTrue(queries: QueryClient, shared: Shared): () => void {
  let due: ReturnType<typeof setTimeout> | undefined;
  const refetch = (...keys: string[]) => {
    for (const key of keys) void queries.invalidateQueries({ queryKey: [key] });
  };
  const soon = () => {
    due ??= setTimeout(() => {
      due = undefined;
      refetch("sessions");
    }, REFETCH_MS);
  };
  return shared.followLives({
    onResync: () => refetch("sessions", "projects", "rules", "tokens", "terminals"),
    onEvents: (events) => {
      const changes = new Map<string, Partial<Session>>();
      for (const event of events) {
        const change = changeOf(event);
        if (change) changes.set(event.sessionId, { ...changes.get(event.sessionId), ...change });
        else if (event.type === "session-created" || event.type === "session-deleted") soon();
        else if (event.type.startsWith("project-")) refetch("projects", "sessions");
        else if (event.type.startsWith("rule-")) refetch("rules");
        else if (event.type.startsWith("token-")) refetch("tokens");
        else if (event.type.startsWith("terminal-")) refetch("terminals");
      }
      if (changes.size === 0) return;
      queries.setQueriesData<{ pages: SessionPage[] }>(
        { queryKey: ["sessions"] },
        (data) => data && { ...data, pages: data.pages.map((page) => patched(page, changes)) },
      );
      // it may belong into a list where it is not: by its filter, or by its last activity
      const moved = [...changes.values()].some((change) => "archived" in change || "projectId" in change);
      if (moved || [...changes.values()].some((change) => change.status === "starting")) soon();
    },
  });
}

function changeOf(event: AnyEvent): Partial<Session> | undefined {
  const lastActivity = event.timestamp;
  if (event.type === "session-status") return { lastActivity, status: event.status };
  if (event.type !== "session-updated") return undefined;
  const { title, workingDir, archived, projectId } = event;
  return {
    lastActivity,
    ...(title !== undefined && { title }),
    ...(workingDir !== undefined && { workingDir }),
    ...(archived !== undefined && { archived }),
    ...(projectId !== undefined && { projectId: projectId ?? undefined }),
  };
}

function patched(page: SessionPage, changes: Map<string, Partial<Session>>): SessionPage {
  const sessions = page.sessions.map((session) => {
    const change = changes.get(session.sessionId);
    return change ? { ...session, ...change } : session;
  });
  return { ...page, sessions };
}
