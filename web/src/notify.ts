/** Notifications of the browser: whether they are wanted, and whether it lets us. Kept in this browser. */
const KEY = "towpath.notify";
const watchers = new Set<() => void>();

export type Notifying = "on" | "off" | "denied" | "impossible";

export function notifying(): Notifying {
  // a page that came by plain HTTP from another machine may not
  if (!("Notification" in globalThis) || !isSecureContext) return "impossible";
  if (Notification.permission === "denied") return "denied";
  return Notification.permission === "granted" && localStorage.getItem(KEY) === "on" ? "on" : "off";
}

/** Turn them on or off. The browser asks its user, so this must come from a click. */
export async function setNotifying(on: boolean): Promise<void> {
  if (on) await Notification.requestPermission();
  localStorage.setItem(KEY, on ? "on" : "off");
  for (const watcher of watchers) watcher();
}

export const watchNotifying = (watcher: () => void): (() => void) => {
  watchers.add(watcher);
  addEventListener("storage", watcher);
  return () => {
    watchers.delete(watcher);
    removeEventListener("storage", watcher);
  };
};

/** Show one, unless the page is looked at. The same *tag* replaces: of many tabs, all say it and one is shown. */
export function notify(title: string, body: string, tag: string, onClick: () => void): void {
  if (document.visibilityState === "visible" && document.hasFocus()) return;
  if (notifying() !== "on") return;
  try {
    const shown = new Notification(title, { body, tag: `towpath.${tag}` });
    shown.onclick = () => {
      window.focus();
      onClick();
      shown.close();
    };
  } catch {
    // Chrome on Android has the constructor and refuses it: there the badge in the title must do
  }
}
