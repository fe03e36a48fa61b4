/** Short messages that go away by themselves, from anywhere in the code. Parts of the page that show them: Toasts.tsx. */
import { messageOf } from "../api/client";

export interface Toast {
  id: number;
  text: string;
  bad: boolean;
  action?: { title: string; act: () => void } | undefined;
}

const SHOWN_MS = 6000;
const MOST = 4;
const watchers = new Set<() => void>();
let toasts: Toast[] = [];
let last = 0;

function set(next: Toast[]): void {
  toasts = next.slice(-MOST);
  for (const watcher of watchers) watcher();
}

/** Show a message; with an action it is there to be undone by. */
export function toast(text: string, action?: Toast["action"], bad = false): void {
  const id = ++last;
  set([...toasts, { id, text, action, bad }]);
  setTimeout(() => dismiss(id), SHOWN_MS * (action || bad ? 2 : 1));
}

/** Show why something failed. */
export const toastError = (error: unknown): void => toast(messageOf(error), undefined, true);

export const dismiss = (id: number): void => set(toasts.filter((shown) => shown.id !== id));
export const current = (): Toast[] => toasts;
export const watch = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
};
