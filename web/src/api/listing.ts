/** Lists of sessions as pure data: what belongs into which, in which order, and what an event makes of them. */
import type { ListSessionsData, Session, SessionPage } from "./gen";
import type { AnyEvent } from "./shared";

export type SessionFilter = Omit<NonNullable<ListSessionsData["query"]>, "cursor" | "limit">;

export interface Pages {
  pages: SessionPage[];
  pageParams: unknown[];
}

/** Whether a session belongs into a list, as far as that can be told here: not by the words that are searched for. */
export function fits(session: Session, { status, mode, archived, projectId }: SessionFilter): boolean {
  return (
    (!status || session.status === status) &&
    (!mode || session.mode === mode) &&
    (!archived || session.archived === (archived === "true")) &&
    (!projectId || session.projectId === projectId)
  );
}

/** The sessions of all pages, each once, the last active first: what was changed here is not where it was fetched. */
export function flattened(pages: SessionPage[], filter: SessionFilter): Session[] {
  const known = new Map<string, Session>();
  for (const { sessions } of pages) {
    for (const session of sessions) {
      const other = known.get(session.sessionId);
      if (!other || other.lastActivity < session.lastActivity) known.set(session.sessionId, session);
    }
  }
  return [...known.values()].filter((session) => fits(session, filter)).sort(byActivity);
}

const byActivity = (one: Session, other: Session): number =>
  other.lastActivity - one.lastActivity || (other.sessionId < one.sessionId ? -1 : 1);

/** What an event changes of its session's entry in lists. */
export function changeOf(event: AnyEvent): Partial<Session> | undefined {
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

/** A list with sessions as they are now. Those that it lacks come in front, unless it is a search's. */
export function updated(data: Pages, filter: SessionFilter, now: ReadonlyMap<string, Session>): Pages {
  const missing = new Set(now.keys());
  const pages = data.pages.map((page) => ({
    ...page,
    sessions: page.sessions.map((session) => {
      missing.delete(session.sessionId);
      const fresh = now.get(session.sessionId);
      return fresh ? { ...session, ...fresh, snippet: session.snippet } : session; // that is this search's
    }),
  }));
  const added = filter.q ? [] : [...missing].map((id) => now.get(id)!).filter((session) => fits(session, filter));
  const [first, ...rest] = pages;
  if (added.length === 0 || !first) return { ...data, pages };
  const inFront = added.map((session) => ({ ...session, snippet: undefined }));
  return { ...data, pages: [{ ...first, sessions: [...inFront, ...first.sessions] }, ...rest] };
}

/** A list without these sessions. */
export const without = (data: Pages, gone: ReadonlySet<string>): Pages => ({
  ...data,
  pages: data.pages.map((page) => ({ ...page, sessions: page.sessions.filter((each) => !gone.has(each.sessionId)) })),
});
