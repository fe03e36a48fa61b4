/** One connection per browser, however many tabs: HTTP/1.1 allows six to a server, and the seventh tab would hang.
 *
 *  The tab that holds a Web Lock leads: it streams the lifecycle of all sessions, the events of those that any tab
 *  shows and the output of terminals that any tab shows, all by one cursor, and hands them on by a BroadcastChannel.
 *  When it goes, the browser gives the lock to the next one, which goes on from the cursor that was last told. Whoever
 *  may have missed something is told so (`resync`), and reads it from the history; whoever sees something twice drops it
 *  by its seq. The leader waits for nobody: who can't show a terminal as fast as it comes lets go, and reads it alone.
 */
import {
  streamEvents,
  type StreamItem,
  type StreamReset,
  streamSessionEvents,
  streamTerminal,
  type TerminalClosed,
  type TerminalOutput,
  type TerminalResized,
  type TerminalSnapshot,
} from "./gen";
import { type Connection, resumable, type StreamOptions, StreamRefused } from "./stream";
import { randomId } from "./client";

/** An event of a session or of the system, without the frames that a stream adds. */
export type AnyEvent = Extract<StreamItem, { seq: number }>;

/** What a stream tells of one terminal. */
export type TerminalItem =
  | TerminalOutput
  | TerminalSnapshot
  | TerminalResized
  | TerminalClosed
  | (StreamReset & { terminalId: string });

export interface TerminalListener {
  /** Names the viewer, whose size counts as long as this is followed. */
  viewerId: string;
  /** Frames of the terminal, perhaps some that were seen before, perhaps not from where it was left. */
  onItems: (items: TerminalItem[]) => void;
  /** The stream has begun anew: what the viewer asked for has to be asked for again. */
  onJoined: () => void;
}

export interface SessionListener {
  /** Events of the session in order, perhaps some that were seen before. */
  onEvents: (events: AnyEvent[]) => void;
  /** Something may have been missed: read the history. */
  onResync: () => void;
}

export interface LifeListener {
  onEvents: (events: AnyEvent[]) => void;
  onResync: () => void;
}

export interface Status {
  connection: Connection;
  /** When the next attempt is due, while there is no connection. */
  retryAt?: number | undefined;
}

/** Which events a browser may see: a token for one session can't open the stream of many. */
export type Scope = { sessionId?: string };

/** Sessions, and viewers of terminals as `terminalId:viewerId`. */
interface Wanted {
  sessions: string[];
  viewers: string[];
}
type Item = AnyEvent | TerminalItem;
type Told = {
  kind: "told";
  status: Status;
  cursor: string | undefined;
  /** Sessions of which nothing up to the cursor was missed; without it even lifecycles may have been. */
  sure: string[] | undefined;
};
type Message =
  | Told
  | { kind: "items"; items: Item[]; cursor: string }
  | ({ kind: "resync"; all: boolean } & Wanted)
  | { kind: "want"; tab: string; wanted: Wanted }
  | { kind: "who" }
  | { kind: "bye"; tab: string }
  | { kind: "now" };

const NAME = "towpath";
const SETTLE_MS = 30; // tabs that open together make one new connection, not one each

const MOST_SESSIONS = 100; // as many as a stream takes
const MOST_VIEWERS = 16;

const SILENT_LEADER_MS = 60_000;
const ANSWER_MS = 3_000;

const ID = /^[\w-]{8,32}$/; // one that is none, from an address, would have the whole stream refused
const LIFE = /^(session-(created|updated|deleted|status)|(approval|terminal|project|rule|token)-.+)$/;

export class Shared {
  private readonly tab = randomId();
  private readonly wanted = new Map<string, Wanted>();
  private readonly listeners = new Map<string, Set<SessionListener>>();
  private readonly terminalListeners = new Map<string, TerminalListener>();
  private readonly lifeListeners = new Set<LifeListener>();
  private readonly watchers = new Set<() => void>();
  private readonly hurry = new EventTarget();
  private over = new AbortController();
  private flushes = new MessageChannel();
  private pending: Item[] = [];
  private cursor: string | undefined;
  private sure: string[] | undefined;
  private streamed: Wanted = { sessions: [], viewers: [] };
  private attempt: AbortController | undefined;
  private channel: BroadcastChannel | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private leading = false;
  private heard = Date.now();
  private told: Status = { connection: "connecting" };

  constructor(private readonly scope: Scope) {}

  /** Begin; the answer ends it all. */
  start(): () => void {
    this.over = new AbortController();
    const listening = { signal: this.over.signal };
    // A timer would be held back in a hidden tab, and this tab may be the one that all others depend on.
    this.flushes = new MessageChannel();
    this.flushes.port1.onmessage = () => this.flush();
    if ("BroadcastChannel" in globalThis) {
      this.channel = new BroadcastChannel(NAME);
      this.channel.onmessage = (message: MessageEvent<Message>) => this.hear(message.data);
    }
    this.want();
    addEventListener("pagehide", () => this.tell({ kind: "bye", tab: this.tab }), listening);
    addEventListener("pageshow", () => this.want(), listening);
    const look = () => {
      if (!document.hidden) this.hasten(); // this tab is looked at, the leader perhaps not
    };
    document.addEventListener("visibilitychange", look, listening);
    if ("locks" in navigator && this.channel) {
      this.stand(false);
      const timer = setInterval(() => this.check(), SILENT_LEADER_MS / 4);
      this.over.signal.addEventListener("abort", () => clearInterval(timer));
    } else this.lead(); // each tab for itself: locks are missing where a page came by plain HTTP from another machine
    return () => this.stop();
  }

  /** Follow a session's events; the answer ends it. */
  follow(sessionId: string, listener: SessionListener): () => void {
    const all = this.listeners.get(sessionId) ?? new Set();
    this.listeners.set(sessionId, all.add(listener));
    this.want();
    return () => {
      all.delete(listener);
      if (all.size === 0 && this.listeners.get(sessionId) === all) this.listeners.delete(sessionId);
      this.want();
    };
  }

  /** Follow the lifecycle of all sessions, and what belongs to none; the answer ends it. */
  followLives(listener: LifeListener): () => void {
    this.lifeListeners.add(listener);
    return () => this.lifeListeners.delete(listener);
  }

  /** Follow a terminal's output; the answer ends it. Nothing tells where it begins: read that first. */
  followTerminal(terminalId: string, listener: TerminalListener): () => void {
    if (this.scope.sessionId) return this.followAlone(terminalId, listener);
    const key = `${terminalId}:${listener.viewerId}`;
    this.terminalListeners.set(key, listener);
    this.want();
    return () => {
      this.terminalListeners.delete(key);
      this.want();
    };
  }

  /** How it stands, for useSyncExternalStore. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
  readonly status = (): Status => this.told;

  /** Try again at once. */
  readonly hasten = (): void => {
    this.hurry.dispatchEvent(new Event("now"));
    this.channel?.postMessage({ kind: "now" } satisfies Message);
  };

  private stop(): void {
    this.tell({ kind: "bye", tab: this.tab });
    this.over.abort();
    this.leading = false;
    this.halt();
    clearTimeout(this.settling);
    this.channel?.close();
    this.flushes.port1.close();
  }

  private tell(message: Message): void {
    this.channel?.postMessage(message);
    this.hear(message);
  }

  private hear(message: Message): void {
    switch (message.kind) {
      case "items":
        this.cursor = message.cursor;
        this.deliver(message.items);
        break;
      case "told":
        this.heard = Date.now();
        this.told = message.status;
        this.cursor = message.cursor;
        this.sure = message.sure;
        for (const watcher of this.watchers) watcher();
        break;
      case "resync":
        this.resync(message);
        break;
      case "want":
        this.wanted.set(message.tab, message.wanted);
        if (this.leading) this.settle();
        break;
      case "bye":
        this.wanted.delete(message.tab);
        if (this.leading) this.settle();
        break;
      case "who":
        this.want();
        break;
      case "now":
        this.hurry.dispatchEvent(new Event("now"));
        this.answer();
    }
  }

  /** As the leader: say that it is alive, how it stands and how far. */
  private answer(status = this.told): void {
    if (!this.leading) return;
    this.flush(); // else the cursor would tell of more than was handed on
    this.tell({ kind: "told", status, cursor: this.cursor, sure: this.sure });
  }

  /** As a tab that is looked at: take the lead from one that says nothing, not even when asked. */
  private check(): void {
    if (this.leading || document.hidden || Date.now() - this.heard < SILENT_LEADER_MS) return;
    const asked = Date.now();
    this.hasten();
    setTimeout(() => {
      if (this.heard < asked && !this.leading) this.stand(true);
    }, ANSWER_MS);
  }

  /** Wait for the lock, or take it from who has it. */
  private stand(steal: boolean): void {
    const options = steal ? { steal } : { signal: this.over.signal };
    const held = navigator.locks.request(`${NAME}-leader`, options, async () => {
      this.lead();
      await new Promise((resolve) => this.over.signal.addEventListener("abort", resolve));
    });
    held.catch(() => {
      if (this.over.signal.aborted) return;
      this.leading = false; // another tab took it
      this.halt();
      this.stand(false);
    });
  }

  private halt(): void {
    this.flush(); // what was not handed on would be behind the cursor
    this.attempt?.abort();
    this.attempt = undefined;
  }

  private deliver(items: Item[]): void {
    const events = items.filter(isEvent);
    const lives = events.filter((event) => LIFE.test(event.type));
    if (lives.length > 0) for (const listener of this.lifeListeners) listener.onEvents(lives);
    for (const [sessionId, mine] of Map.groupBy(events, (event) => event.sessionId)) {
      for (const listener of this.listeners.get(sessionId) ?? []) listener.onEvents(mine);
    }
    for (const [terminalId, mine] of Map.groupBy(items.filter(ofTerminal), (item) => item.terminalId)) {
      for (const [key, listener] of this.terminalListeners) if (key.startsWith(`${terminalId}:`)) listener.onItems(mine);
    }
  }

  private resync({ all, sessions, viewers }: { all: boolean } & Wanted): void {
    if (all) for (const listener of this.lifeListeners) listener.onResync();
    for (const [id, listeners] of this.listeners) {
      if (all || sessions.includes(id)) for (const listener of listeners) listener.onResync();
    }
    for (const key of viewers) this.terminalListeners.get(key)?.onJoined();
  }

  private want(): void {
    const sessions = [...this.listeners.keys()].filter((id) => ID.test(id));
    const wanted = { sessions, viewers: [...this.terminalListeners.keys()] };
    this.tell({ kind: "want", tab: this.tab, wanted });
  }

  private lead(): void {
    if (this.over.signal.aborted) return;
    this.leading = true;
    this.tell({ kind: "who" });
    this.settle();
  }

  /** Stream what the tabs want now, once they have all said so. */
  private settle(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const all = [...this.wanted.values()];
      const sessions = [...new Set(all.flatMap((wanted) => wanted.sessions))].sort().slice(-MOST_SESSIONS);
      const viewers = [...new Set(all.flatMap((wanted) => wanted.viewers))].sort().slice(-MOST_VIEWERS);
      const same = sessions.join() === this.streamed.sessions.join() && viewers.join() === this.streamed.viewers.join();
      if (!this.attempt || !same) this.run({ sessions, viewers });
    }, SETTLE_MS);
  }

  /** Stream this from the cursor on, in place of what was streamed. */
  private run(wanted: Wanted): void {
    this.flush();
    let before = this.attempt;
    const attempt = (this.attempt = new AbortController());
    const end = () => {
      before?.abort();
      before = undefined;
    };
    attempt.signal.addEventListener("abort", end);
    // With several viewers the old one stays until the new one stands: who leaves gives up its size to the others. With
    // one it does not: the program of a terminal that floods would wait for what was cut off after its successor came.
    if (this.streamed.viewers.length < 2) end();
    this.streamed = wanted;
    this.sure = this.sure?.filter((id) => wanted.sessions.includes(id));
    resumable({
      open: (request) => this.open(wanted, request),
      cursor: this.cursor,
      signal: attempt.signal,
      hurry: this.hurry,
      onState: (connection, retryAt) => {
        if (connection !== "connecting") end();
        if (this.attempt === attempt) this.answer({ connection, retryAt });
      },
      onItem: (item, cursor) => {
        if (this.attempt === attempt) this.take(item, cursor);
      },
    }).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error;
    });
  }

  private take(item: StreamItem, cursor: string): void {
    if (item.type === "connected" && placeIn(cursor) !== placeIn(this.cursor)) this.sure = undefined;
    else if (item.type === "stream-reset" && item.sessionId) this.sure = this.sure?.filter((id) => id !== item.sessionId);
    else if (item.type === "stream-reset" && !item.terminalId) this.sure = undefined;
    this.cursor = cursor;
    if (isEvent(item) || ofTerminal(item)) this.keep(item);
    else if (item.type === "heartbeat") this.answer();
    else if (item.type === "caught-up") {
      const { sessions, viewers } = this.streamed;
      const { sure } = this;
      const late = sessions.filter((id) => !sure?.includes(id));
      this.sure = sessions;
      this.flush();
      if (!sure || late.length + viewers.length > 0) this.tell({ kind: "resync", all: !sure, sessions: late, viewers });
    }
  }

  /** Stream a terminal for this tab alone, as a token for one session has to. */
  private followAlone(terminalId: string, { onItems, onJoined }: TerminalListener): () => void {
    const abort = new AbortController();
    resumable({
      open: (request) => streamTerminal({ ...request, path: { terminalId } }),
      signal: abort.signal,
      hurry: this.hurry,
      onState: () => undefined,
      onItem: (item) => {
        if (ofTerminal(item)) onItems([item]);
        if (item.type === "terminal-closed") abort.abort();
        else if (item.type === "caught-up") onJoined();
      },
    }).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error;
    });
    return () => abort.abort();
  }

  private open({ sessions, viewers }: Wanted, request: Parameters<StreamOptions["open"]>[0]) {
    const { sessionId } = this.scope;
    if (sessionId) return streamSessionEvents({ ...request, path: { sessionId } });
    const each = (part: number) => [...new Set(viewers.map((key) => key.split(":")[part]))].join();
    const query = { lifecycle: true, sessions: sessions.join(), terminals: each(0), viewers: each(1) };
    return streamEvents({ ...request, query });
  }

  private keep(item: Item): void {
    if (this.pending.length === 0) this.flushes.port2.postMessage(0);
    this.pending.push(item);
  }

  private flush(): void {
    const items = this.pending;
    this.pending = [];
    if (items.length > 0) this.tell({ kind: "items", items, cursor: this.cursor ?? "" });
  }
}

/** The part of a cursor that counts for events: behind it stand the offsets in terminals. */
const placeIn = (cursor: string | undefined): string | undefined => cursor?.split("~")[0];

/** Whether it is of the log: a terminal's own end, which has no number, is a frame of its output alone. */
const isEvent = (item: StreamItem): item is AnyEvent => "seq" in item && item.seq > 0;

function ofTerminal(item: StreamItem): item is TerminalItem {
  if (item.type === "stream-reset") return item.terminalId !== undefined;
  return item.type.startsWith("terminal-") && item.type !== "terminal-created";
}
