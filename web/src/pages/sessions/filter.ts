/** Which sessions are shown, as the address of the page says it, so that it can be kept, sent and gone back to. */
import type { Session } from "../../api/gen";
import type { SessionFilter } from "../../api/queries";

export const STATUSES: Session["status"][] = ["running", "waiting", "starting", "idle", "error", "interrupted", "exited"];

export function filterOf(params: URLSearchParams): SessionFilter {
  const status = STATUSES.find((each) => each === params.get("status"));
  const archived = params.get("archived") === "true" ? "true" : "false";
  const [q, mode, projectId] = ["q", "mode", "projectId"].map((name) => params.get(name) ?? "");
  return { archived, ...(status && { status }), ...(q && { q }), ...(mode && { mode }), ...(projectId && { projectId }) };
}

/** The address's parameters with one changed; an empty one is left out. */
export function changed(params: URLSearchParams, name: string, value: string): URLSearchParams {
  const next = new URLSearchParams(params);
  if (value) next.set(name, value);
  else next.delete(name);
  return next;
}

/** Whether anything but the project and the archive narrows the list. */
export const isNarrowed = ({ q, mode, status }: SessionFilter): boolean => Boolean(q ?? mode ?? status);

/** A text in pieces, every second one of them a word that was searched for, or its beginning. */
export function marked(text: string, search: string): string[] {
  const words = search.split(/\s+/).filter(Boolean).map(escaped);
  return words.length ? text.split(new RegExp(`(${words.join("|")})`, "i")) : [text];
}

const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
