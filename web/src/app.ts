/** What every page works with, in one context. */
import { createContext, useContext, useSyncExternalStore } from "react";
import type { SessionState, WhoAmI } from "./api/gen";
import type { Shared, Status } from "./api/shared";
import type { SessionStore, Stores, View } from "./state/store";

export interface App {
  me: WhoAmI;
  shared: Shared;
  stores: Stores;
}

export const AppContext = createContext<App | undefined>(undefined);

export function useApp(): App {
  const app = useContext(AppContext);
  if (!app) throw new Error("There is no app around this.");
  return app;
}

/** Whether this browser may change anything, or only look. */
export const useMayWrite = (): boolean => useApp().me.scope !== "read";

/** How the connection stands. */
export function useStatus(): Status {
  const { shared } = useApp();
  return useSyncExternalStore(shared.watch, shared.status);
}

export const useStore = (sessionId: string): SessionStore => useApp().stores.get(sessionId);

/** A session's transcript and window, as they change. */
export const useView = (store: SessionStore): View => useSyncExternalStore(store.watch, store.view);

/** A part of it; renders anew only when that part is another. */
export const useViewPart = <Part>(store: SessionStore, part: (view: View) => Part): Part =>
  useSyncExternalStore(store.watch, () => part(store.view()));

/** A part of a session's state; renders anew only when that part is another object. */
export const useSessionState = <Part>(store: SessionStore, part: (state: SessionState) => Part): Part | undefined =>
  useSyncExternalStore(store.watch, () => {
    const state = store.state();
    return state && part(state);
  });
