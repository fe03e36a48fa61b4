/** What everything on a session's page knows of it: its store, what may be done, what is open. */
import { createContext, useCallback, useContext, useSyncExternalStore } from "react";
import type { SessionStore } from "../../state/store";

export type Panel = { name: "context" | "changes" } | { name: "review"; planId: string };

export interface Place {
  store: SessionStore;
  /** Prompts are commands of a shell, not words to an agent. */
  shell: boolean;
  /** Whoever is logged in may do more than read. */
  writable: boolean;
  folds: Folds;
  show: (panel: Panel | undefined) => void;
}

export const PlaceContext = createContext<Place | undefined>(undefined);

export function usePlace(): Place {
  const place = useContext(PlaceContext);
  if (!place) throw new Error("There is no session around this.");
  return place;
}

/** What was opened or closed: rows forget it when they leave the screen. */
export class Folds {
  private readonly open = new Map<string, boolean>();
  private readonly watchers = new Set<() => void>();

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
  readonly get = (key: string): boolean | undefined => this.open.get(key);
  readonly set = (key: string, open: boolean): void => {
    this.open.set(key, open);
    for (const watcher of this.watchers) watcher();
  };
}

/** Return whether something is open, and what turns that around. */
export function useFold(key: string, initially: boolean): [open: boolean, turn: () => void] {
  const { folds } = usePlace();
  const open = useSyncExternalStore(folds.watch, () => folds.get(key)) ?? initially;
  const turn = useCallback(() => folds.set(key, !open), [folds, key, open]);
  return [open, turn];
}
