/** Which dialog about sessions and projects is shown. Any row, menu or command opens one; `Dialogs.tsx` shows it. */
import type { Project, Session } from "../api/gen";

export type Shown =
  | { kind: "new"; projectId?: string | undefined; mode?: string | undefined }
  | { kind: "rename" | "move" | "delete"; session: Session }
  /** `draft` is what waits in the fork's prompt box. */
  | { kind: "fork"; session: Session; atSeq?: number | undefined; draft?: string | undefined }
  | { kind: "project"; project?: Project | undefined }
  | { kind: "delete-project"; project: Project };

const watchers = new Set<() => void>();
let shown: Shown | undefined;

export function show(next: Shown | undefined): void {
  shown = next;
  for (const watcher of watchers) watcher();
}

export const current = (): Shown | undefined => shown;
export const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};
