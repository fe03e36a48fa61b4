/** One connection per browser, however many tabs: HTTP/1.1 allows six to a server, and the seventh tab would hang.
 *
 *  The tab that holds a Web Lock leads: it streams the lifecycle of all sessions, and the events of those that any tab
 *  shows, and the output of terminals that any tab shows, and hands them on by a BroadcastChannel. When it goes, the browser gives the lock to the next one, which goes
 *  on from the cursors that were last told. Whoever may have missed something is told so (`resync`), and reads it from
 *  the history; whoever sees something twice drops it by its seq.
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

/** What one stream each is for: all lifecycles, the sessions that tabs want, the terminals that they want. */
const LANES = ["lives", "chosen", "shown"] as const;
type Lane = (typeof LANES)[number];
type Told = { kind: "told"; lane: Lane; status: Status; cursor: string | undefined; ids: string[] };
type Wanted = Record<"chosen" | "shown", string[]>;
type Message =
  | Told
  | { kind: "events"; lane: Exclude<Lane, "shown">; events: AnyEvent[]; cursor: string }
  | { kind: "events"; lane: "shown"; events: TerminalItem[]; cursor: string }
  | { kind: "resync"; lane: Lane; ids: string[] }
  | { kind: "want"; tab: string; wanted: Wanted }
  | { kind: "slow"; tab: string; slow: boolean }
  | { kind: "who" }
  | { kind: "bye"; tab: string }
  | { kind: "now" };

const NAME = "towpath";
const SETTLE_MS = 30; // tabs that open together make one new connection, not one each

const MOST: Record<keyof Wanted, number> = { chosen: 100, shown: 16 }; // as many as a stream takes
const LONGEST_PAUSE_MS = 5_000; // for a tab that does not come on with what it was told

const SILENT_LEADER_MS = 60_000;
const ANSWER_MS = 3_000;

interface Running {
  cursor: string | undefined;
  /** Sessions; or viewers of terminals, as `terminalId:viewerId`. */
  ids: string[];
  status: Status;
  abort: AbortController | undefined;
}

export class Shared {
  private readonly tab = randomId();
  private readonly wanted = new Map<string, Wanted>();
  private readonly slow = new Set<string>();
  private readonly roomy = new EventTarget();
  private readonly listeners = new Map<string, Set<SessionListener>>();
  private readonly terminalListeners = new Map<string, TerminalListener>();
  private readonly lifeListeners = new Set<LifeListener>();
  private readonly watchers = new Set<() => void>();
  private readonly hurry = new EventTarget();
  private over = new AbortController();
  private readonly lanes: Record<Lane, Running>;
  private flushes = new MessageChannel();
  private readonly pending: Record<Exclude<Lane, "shown">, AnyEvent[]> & { shown: TerminalItem[] } = {
    lives: [],
    chosen: [],
    shown: [],
  };
  private channel: BroadcastChannel | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private leading = false;
  private heard = Date.now();
  private merged: Status = { connection: "connecting" };

  constructor(private readonly scope: Scope) {
    const lane = (): Running => ({
      cursor: undefined,
      ids: [],
      status: { connection: "connecting" },
      abort: undefined,
    });
    this.lanes = { lives: lane(), chosen: lane(), shown: lane() };
  }

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
      this.falter(false);
      this.want();
    };
  }

  /** Say whether this tab has more of a terminal than it can show for now. */
  falter(slow: boolean): void {
    this.tell({ kind: "slow", tab: this.tab, slow });
  }

  /** How it stands, for useSyncExternalStore. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
  readonly status = (): Status => this.merged;

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
      case "events":
        this.lanes[message.lane].cursor = message.cursor;
        if (message.lane === "shown") this.show(message.events);
        else this.deliver(message.lane, message.events);
        break;
      case "told":
        this.learn(message);
        break;
      case "resync":
        if (message.lane === "lives") for (const listener of this.lifeListeners) listener.onResync();
        for (const id of message.ids) {
          this.terminalListeners.get(id)?.onJoined();
          for (const listener of this.listeners.get(id) ?? []) listener.onResync();
        }
        break;
      case "want":
        this.wanted.set(message.tab, message.wanted);
        if (this.leading) this.settle();
        break;
      case "slow":
        if (message.slow) this.slow.add(message.tab);
        else this.hurryOn(message.tab);
        break;
      case "bye":
        this.wanted.delete(message.tab);
        this.hurryOn(message.tab);
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

  /** As the leader: say that it is alive, and how far. */
  private answer(): void {
    if (!this.leading) return;
    for (const lane of LANES) {
      const { status, cursor, ids, abort } = this.lanes[lane];
      if (abort) this.tell({ kind: "told", lane, status, cursor, ids });
    }
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
    for (const lane of Object.values(this.lanes)) {
      lane.abort?.abort();
      lane.abort = undefined;
    }
  }

  private learn({ lane, status, cursor, ids }: Told): void {
    this.heard = Date.now();
    Object.assign(this.lanes[lane], { status, cursor, ids });
    const { lives, chosen, shown } = this.lanes;
    const busy = [shown, chosen].filter((each) => each.ids.length > 0);
    const lanes = this.scope.sessionId ? [chosen] : [...busy, lives];
    this.merged = lanes.find((each) => each.status.connection !== "live")?.status ?? { connection: "live" };
    for (const watcher of this.watchers) watcher();
  }

  private show(items: TerminalItem[]): void {
    for (const [terminalId, mine] of Map.groupBy(items, (item) => item.terminalId)) {
      for (const [key, listener] of this.terminalListeners) if (key.startsWith(`${terminalId}:`)) listener.onItems(mine);
    }
  }

  private hurryOn(tab: string): void {
    this.slow.delete(tab);
    if (this.slow.size === 0) this.roomy.dispatchEvent(new Event("room"));
  }

  /** Wait for the tabs that have too much to show, but not for one that does not come on. */
  private room(signal: AbortSignal): Promise<void> | undefined {
    if (this.slow.size === 0) return undefined;
    return new Promise((resolve) => {
      const over = new AbortController();
      const done = () => {
        clearTimeout(timer);
        over.abort();
        resolve();
      };
      const timer = setTimeout(() => {
        this.slow.clear();
        done();
      }, LONGEST_PAUSE_MS);
      this.roomy.addEventListener("room", done, { signal: over.signal });
      signal.addEventListener("abort", done, { signal: over.signal });
    });
  }

  private deliver(lane: Lane, events: AnyEvent[]): void {
    if (lane === "lives") {
      for (const listener of this.lifeListeners) listener.onEvents(events);
      return;
    }
    for (const [sessionId, mine] of Map.groupBy(events, (event) => event.sessionId)) {
      for (const listener of this.listeners.get(sessionId) ?? []) listener.onEvents(mine);
    }
  }

  private want(): void {
    const wanted = { chosen: [...this.listeners.keys()], shown: [...this.terminalListeners.keys()] };
    this.tell({ kind: "want", tab: this.tab, wanted });
  }

  private lead(): void {
    if (this.over.signal.aborted) return;
    this.leading = true;
    this.tell({ kind: "who" });
    if (!this.scope.sessionId) this.run("lives", []);
    this.settle();
  }

  /** Stream what the tabs want now, once they have all said so. */
  private settle(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      for (const lane of ["chosen", "shown"] as const) {
        const all = [...this.wanted.values()].flatMap((wanted) => wanted[lane]);
        const wanted = [...new Set(all)].sort().slice(-MOST[lane]);
        const { ids, abort } = this.lanes[lane];
        if (abort && wanted.join() === ids.join()) continue;
        this.run(lane, wanted, wanted.filter((id) => !ids.includes(id)));
      }
    }, SETTLE_MS);
  }

  /** Stream in this lane, from its cursor on; those that are *added* may have missed something. */
  private run(lane: Lane, ids: string[], added: string[] = ids): void {
    const running = this.lanes[lane];
    running.abort?.abort();
    running.abort = undefined;
    this.flush();
    if (lane !== "lives" && ids.length === 0) {
      this.tell({ kind: "told", lane, status: { connection: "live" }, cursor: undefined, ids });
      return;
    }
    const abort = (running.abort = new AbortController());
    let behind = added;
    let missed = false;
    const options: StreamOptions = {
      open: (request) => this.open(lane, ids, request),
      cursor: running.cursor,
      signal: abort.signal,
      hurry: this.hurry,
      onState: (connection, retryAt) => {
        if (abort.signal.aborted) return;
        this.flush();
        this.tell({ kind: "told", lane, status: { connection, retryAt }, cursor: running.cursor, ids });
      },
      room: lane === "shown" ? () => this.room(abort.signal) : undefined,
      onItem: (item, cursor) => {
        if (abort.signal.aborted) return;
        if (item.type === "connected") missed ||= running.cursor !== cursor; // not where it was left
        else if (item.type === "stream-reset" && item.sessionId) behind = [...behind, item.sessionId];
        else if (item.type === "stream-reset" && !item.terminalId) missed = true;
        running.cursor = cursor;
        if (lane === "shown" && ofTerminal(item)) this.keep(() => this.pending.shown.push(item));
        else if (lane !== "shown" && "seq" in item) this.keep(() => this.pending[lane].push(item));
        else if (item.type === "heartbeat") this.answer();
        else if (item.type === "caught-up") {
          this.flush();
          const late = missed || lane === "shown" ? ids : behind;
          if (missed || late.length > 0) this.tell({ kind: "resync", lane, ids: late });
          behind = [];
          missed = false;
        }
      },
    };
    resumable(options).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error;
    });
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
      room: () => this.room(abort.signal),
    }).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error;
    });
    return () => abort.abort();
  }

  private open(lane: Lane, ids: string[], request: Parameters<StreamOptions["open"]>[0]) {
    const { sessionId } = this.scope;
    if (sessionId) return streamSessionEvents({ ...request, path: { sessionId } });
    if (lane === "lives") return streamEvents(request);
    if (lane === "chosen") return streamEvents({ ...request, query: { sessions: ids.join(",") } });
    const each = (part: number) => [...new Set(ids.map((id) => id.split(":")[part]))].join(",");
    return streamEvents({ ...request, query: { terminals: each(0), viewers: each(1), types: "terminal-closed" } });
  }

  private keep(push: () => void): void {
    if (LANES.every((lane) => this.pending[lane].length === 0)) this.flushes.port2.postMessage(0);
    push();
  }

  private flush(): void {
    for (const lane of LANES) {
      const events = this.pending[lane];
      if (events.length === 0) continue;
      this.pending[lane] = [];
      this.tell({ kind: "events", lane, events, cursor: this.lanes[lane].cursor ?? "" } as Message);
    }
  }
}

function ofTerminal(item: StreamItem): item is TerminalItem {
  if (item.type === "stream-reset") return item.terminalId !== undefined;
  return item.type.startsWith("terminal-") && item.type !== "terminal-created";
}
