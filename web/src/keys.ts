/** Every command and its keys, in one table. A page says what a command does while it is shown (`useCommand`); the
 *  palette, the list of keys and the keyboard itself all read from here. */
import { useEffect, useRef, useSyncExternalStore } from "react";

export type Group = "Go to" | "Session" | "Sessions" | "Approval" | "Terminal" | "View" | "Help";

interface Row {
  title: string;
  group: Group;
  /** As `KeyboardEvent.key` has them, with `Mod` for Ctrl, or Cmd on a Mac. Two strokes: separated by a blank. */
  keys?: string;
  /** Works while somebody types, too. Keys without Mod or Alt never do. */
  typing?: true;
}

export const COMMANDS = {
  "palette.open": { title: "Find a session or a command", group: "Go to", keys: "Mod+k", typing: true },
  "go.sessions": { title: "All sessions", group: "Go to", keys: "g s" },
  "go.settings": { title: "Settings", group: "Go to", keys: "g ," },
  "go.next": { title: "Next session", group: "Go to", keys: "Alt+ArrowDown", typing: true },
  "go.previous": { title: "Previous session", group: "Go to", keys: "Alt+ArrowUp", typing: true },
  "sessions.new": { title: "New session", group: "Sessions", keys: "c" },
  "projects.new": { title: "New project", group: "Sessions" },
  "sessions.search": { title: "Search sessions", group: "Sessions", keys: "/" },
  "session.prompt": { title: "Write a prompt", group: "Session", keys: "i" },
  "session.stop": { title: "Stop the turn", group: "Session", keys: "Escape", typing: true },
  "session.end": { title: "Jump to the latest", group: "Session", keys: "Mod+Shift+e", typing: true },
  "session.find": { title: "Search in this session", group: "Session", keys: "Mod+f", typing: true },
  "session.next": { title: "Next message", group: "Session", keys: "j" },
  "session.previous": { title: "Previous message", group: "Session", keys: "k" },
  "session.copy": { title: "Copy the message", group: "Session", keys: "y" },
  "session.link": { title: "Copy a link to the message", group: "Session", keys: "u" },
  "session.branch": { title: "Fork at the message", group: "Session", keys: "f" },
  "session.all": { title: "Copy all as Markdown", group: "Session" },
  "session.changes": { title: "Show the changed files", group: "Session", keys: "h" },
  "session.context": { title: "Show the context", group: "Session", keys: "x" },
  "session.rename": { title: "Rename the session", group: "Session", keys: "F2", typing: true },
  "session.duplicate": { title: "Duplicate the session", group: "Session" },
  "session.fork": { title: "Fork the session", group: "Session" },
  "session.move": { title: "Move the session", group: "Session" },
  "session.archive": { title: "Archive the session", group: "Session", keys: "e" },
  "session.delete": { title: "Delete the session", group: "Session" },
  "session.markdown": { title: "Export as Markdown", group: "Session" },
  "session.jsonl": { title: "Export as JSON", group: "Session" },
  "approval.show": { title: "Go to what waits for you", group: "Approval", keys: "Alt+w", typing: true },
  "approval.allow": { title: "Allow once", group: "Approval", keys: "a" },
  "approval.session": { title: "Allow in this session", group: "Approval", keys: "s" },
  "approval.project": { title: "Allow in this project", group: "Approval", keys: "p" },
  "approval.reject": { title: "Reject", group: "Approval", keys: "d" },
  "approval.never": { title: "Never allow", group: "Approval", keys: "n" },
  "approval.edit": { title: "Edit what is asked", group: "Approval", keys: "Alt+e", typing: true },
  "terminal.new": { title: "New terminal", group: "Terminal", keys: "g t" },
  "terminal.leave": { title: "Leave the terminal's keyboard", group: "Terminal", keys: "Mod+Shift+ArrowUp", typing: true },
  "terminal.copy": { title: "Copy what is selected", group: "Terminal", keys: "Mod+Shift+c", typing: true },
  "terminal.paste": { title: "Paste", group: "Terminal", keys: "Mod+Shift+v", typing: true },
  "terminal.find": { title: "Search in this terminal", group: "Terminal", keys: "Mod+Shift+f", typing: true },
  "terminal.larger": { title: "Larger text", group: "Terminal", keys: "Mod+Shift+>", typing: true },
  "terminal.smaller": { title: "Smaller text", group: "Terminal", keys: "Mod+Shift+<", typing: true },
  "terminal.control": { title: "Decide the terminal's size here, or no longer", group: "Terminal" },
  "terminal.close": { title: "Close the terminal", group: "Terminal" },
  "view.sidebar": { title: "Show or hide the sidebar", group: "View", keys: "Mod+b", typing: true },
  "view.theme": { title: "Next theme: system, light, dark", group: "View", keys: "g d" },
  "view.reconnect": { title: "Connect again now", group: "View" },
  "help.keys": { title: "All keys", group: "Help", keys: "?" },
  "help.logout": { title: "Log out", group: "Help" },
} as const satisfies Record<string, Row>;

export type CommandId = keyof typeof COMMANDS;
type Act = () => void;

/** A command that some page offers now, or an entry of the palette that is no command: a session, a project. */
export interface Offer {
  id: string;
  title: string;
  group: string;
  keys?: string | undefined;
  act: Act;
}

const offered = new Map<CommandId, Act[]>();
const watchers = new Set<() => void>();
let offers: Offer[] = [];

function changed(): void {
  offers = (Object.entries(COMMANDS) as [CommandId, Row][]).flatMap(([id, { title, group, keys }]) => {
    const act = offered.get(id)?.at(-1);
    return act ? [{ id, title, group, keys, act }] : [];
  });
  for (const watcher of watchers) watcher();
}

/** Say what a command does while this component is shown, unless `enabled` is false. The newest one counts. */
export function useCommand(id: CommandId, act: Act, enabled = true): void {
  const latest = useRef(act);
  useEffect(() => {
    latest.current = act;
  });
  useEffect(() => {
    if (!enabled) return;
    const mine = () => latest.current();
    offered.set(id, [...(offered.get(id) ?? []), mine]);
    changed();
    return () => {
      offered.set(id, offered.get(id)!.filter((other) => other !== mine));
      changed();
    };
  }, [id, enabled]);
}

/** What can be done now, in the table's order. */
export const useOffers = (): Offer[] =>
  useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    () => offers,
  );

const IS_MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);
const STROKE_MS = 1000;
let begun = "";
let begunAt = 0;

/** Act on a key; tell whether it meant something. Listens to the window, once. */
export function onKey(event: KeyboardEvent): boolean {
  if (isComposing(event) || event.defaultPrevented) return false;
  const typing = isTyping(event.target);
  const stroke = strokeOf(event);
  const both = Date.now() - begunAt < STROKE_MS ? `${begun} ${stroke}` : "";
  const inDialog = document.querySelector("dialog[open]") !== null;
  for (const { id, keys, act } of offers) {
    if (!keys || (keys !== stroke && keys !== both)) continue;
    const row: Row = COMMANDS[id as CommandId];
    if ((typing && !row.typing) || (inDialog && id !== "palette.open")) continue;
    if (event.repeat && row.group === "Approval") continue; // held since before there was a question
    begun = "";
    event.preventDefault();
    act();
    return true;
  }
  begun = typing ? "" : stroke;
  begunAt = Date.now();
  return false;
}

/** Whether a key belongs to an input method. Safari says so by the code 229 alone. */
export const isComposing = (event: KeyboardEvent): boolean =>
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- there is no other sign
  event.isComposing || event.keyCode === 229;

function strokeOf(event: KeyboardEvent): string {
  const mod = IS_MAC ? event.metaKey : event.ctrlKey;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const shift = event.shiftKey && (event.key.length > 1 || mod || event.altKey);
  return `${mod ? "Mod+" : ""}${event.altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${key}`;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable], .xterm") !== null;
}

const SIGNS: Record<string, string> = { ArrowUp: "↑", ArrowDown: "↓", Enter: "↵", Backspace: "⌫", Mod: IS_MAC ? "⌘" : "Ctrl" };

/** Return the keys as people read them, one text a key. */
export const spelled = (keys: string): string[] =>
  keys.split(/[+ ]/).map((key) => SIGNS[key] ?? (key.length === 1 ? key.toUpperCase() : key));
