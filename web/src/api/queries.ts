/** What pages look up by REST, and how the lifecycle stream keeps it true. */
import { keepPreviousData, type QueryClient, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { toastError } from "../parts/toast";
import { ApiProblem, ask, once } from "./client";
import {
  getReadiness,
  getSession,
  listAgents,
  listProjects,
  listRules,
  listSessions,
  listTerminals,
  openTerminal,
  type OpenTerminal,
  removeTerminal,
  listTokens,
  type Session,
  type SessionPage,
} from "./gen";
import { changeOf, flattened, type Pages, type SessionFilter, updated, without } from "./listing";
import type { Shared } from "./shared";

export type { SessionFilter } from "./listing";

const PAGE = 100;

/** Sessions as the server lists them, the last active first, page by page. */
export function useSessions(filter: SessionFilter = {}, enabled = true) {
  const query = useInfiniteQuery({
    queryKey: ["sessions", filter],
    queryFn: ({ pageParam, signal }) =>
      ask(listSessions({ query: { ...filter, limit: PAGE, ...(pageParam && { cursor: pageParam }) }, signal })),
    initialPageParam: "",
    getNextPageParam: (page: SessionPage) => page.nextCursor,
    placeholderData: filter.q ? keepPreviousData : undefined, // nothing jumps while somebody types
    structuralSharing: false, // what did not change is the same anyway, and to compare thousands takes long
    enabled,
  });
  const { q, status, mode, archived, projectId } = filter;
  const sessions = useMemo(
    () => flattened(query.data?.pages ?? [], { q, status, mode, archived, projectId }),
    [query.data, q, status, mode, archived, projectId],
  );
  return { ...query, sessions };
}

export const WAITING: SessionFilter = { status: "waiting", archived: "false" };

/** The sessions that wait for a human. */
export const useWaiting = (enabled = true): Session[] => useSessions(WAITING, enabled).sessions;

export const useSession = (sessionId: string) =>
  useQuery({
    queryKey: ["session", sessionId],
    queryFn: () => ask(getSession({ path: { sessionId } })),
    enabled: sessionId !== "",
  });

export const useAgents = () =>
  useQuery({ queryKey: ["agents"], queryFn: () => ask(listAgents()), select: (found) => found.agents });

export const useProjects = () =>
  useQuery({ queryKey: ["projects"], queryFn: () => ask(listProjects()), select: (found) => found.projects });

export const useRules = () =>
  useQuery({ queryKey: ["rules"], queryFn: () => ask(listRules()), select: (found) => found.rules });

export const useTokens = () =>
  useQuery({ queryKey: ["tokens"], queryFn: () => ask(listTokens()), select: (found) => found.tokens });

/** Whether the server can do its work; looked up anew each time that somebody wants to know. */
export const useReadiness = () =>
  useQuery({ queryKey: ["readiness"], queryFn: () => ask(getReadiness()), staleTime: 0, retry: false });

const REFETCH_MS = 300; // many sessions that begin together are looked up together
const FEW = 10; // so many sessions are looked up one by one, more by listing them all again

/** Let sessions as they are now reach every list. */
export function tell(queries: QueryClient, sessions: Session[]): void {
  const now = new Map(sessions.map((session) => [session.sessionId, session]));
  for (const [key, data] of queries.getQueriesData<Pages>({ queryKey: ["sessions"] })) {
    if (data) queries.setQueryData(key, updated(data, (key[1] ?? {}) as SessionFilter, now));
  }
  for (const session of sessions) {
    queries.setQueryData<Session>(["session", session.sessionId], (known) => known && { ...known, ...session });
  }
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

function forget(queries: QueryClient, gone: Set<string>): void {
  queries.setQueriesData<Pages>({ queryKey: ["sessions"] }, (data) => data && without(data, gone));
  for (const sessionId of gone) queries.removeQueries({ queryKey: ["session", sessionId] });
}

function known(queries: QueryClient): Map<string, Session> {
  const lists = queries.getQueriesData<Pages>({ queryKey: ["sessions"] });
  const listed = lists.flatMap(([, data]) => data?.pages.flatMap((page) => page.sessions) ?? []);
  const single = queries.getQueriesData<Session>({ queryKey: ["session"] }).flatMap(([, data]) => data ?? []);
  return new Map([...listed, ...single].map((session) => [session.sessionId, session]));
}

/** Let the lifecycle of all sessions reach what was looked up; the answer ends it. */
export function keepTrue(queries: QueryClient, shared: Shared): () => void {
  let due: ReturnType<typeof setTimeout> | undefined;
  let over = false;
  const unknown = new Set<string>();
  let asked = new Set<string>();
  // An answer that is on its way may be older than what was told meanwhile: that of a list, or of one session.
  let overtaken = false;
  const awaited = (id: string) => asked.has(id) || queries.isFetching({ queryKey: ["session", id] }) > 0;
  const refetch = (...keys: string[]) => {
    for (const key of keys) void queries.invalidateQueries({ queryKey: [key] });
  };
  const lookUp = async () => {
    const all = overtaken || unknown.size > FEW;
    asked = new Set(all ? [] : unknown);
    overtaken = false;
    unknown.clear();
    try {
      if (all) refetch("sessions", "session");
      const answers = (await Promise.all([...asked].map(found))).flat();
      tell(queries, answers.filter((session) => !unknown.has(session.sessionId)));
    } finally {
      asked.clear();
      due = undefined;
      lookSoon();
    }
  };
  const lookSoon = () => {
    if (!over && (unknown.size || overtaken)) due ??= setTimeout(() => void lookUp(), REFETCH_MS);
  };
  const end = shared.followLives({
    onResync: () => refetch("sessions", "session", "projects", "rules", "tokens", "terminals"),
    onEvents: (events) => {
      const entries = known(queries);
      const changed = new Set<string>();
      const gone = new Set<string>();
      for (const event of events) {
        const change = changeOf(event);
        const { sessionId } = event;
        if (change) {
          const entry = entries.get(sessionId);
          if (entry) {
            entries.set(sessionId, { ...entry, ...change });
            changed.add(sessionId);
          }
          if (!entry || awaited(sessionId)) unknown.add(sessionId);
        } else if (event.type === "session-created") unknown.add(sessionId);
        else if (event.type === "session-deleted") gone.add(sessionId);
        else if (event.type.startsWith("project-")) refetch("projects");
        else if (event.type.startsWith("rule-")) refetch("rules");
        else if (event.type.startsWith("token-")) refetch("tokens");
        else if (event.type.startsWith("terminal-")) refetch("terminals");
      }
      for (const sessionId of gone) unknown.delete(sessionId);
      if (gone.size) forget(queries, gone);
      if (changed.size) tell(queries, [...changed].filter((id) => !gone.has(id)).map((id) => entries.get(id)!));
      overtaken ||= changed.size + gone.size > 0 && queries.isFetching({ queryKey: ["sessions"] }) > 0;
      lookSoon();
    },
  });
  return () => {
    over = true;
    clearTimeout(due);
    end();
  };
}

const found = (sessionId: string): Promise<Session[]> =>
  ask(getSession({ path: { sessionId } })).then(
    (session) => [session],
    (error: unknown) => {
      if (error instanceof ApiProblem) return []; // deleted meanwhile, or the next resync brings it
      throw error;
    },
  );
