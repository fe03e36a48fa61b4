/** One connection per browser, however many tabs: HTTP/1.1 allows six to a server, and the seventh tab would hang.
 *
 *  The tab that holds a Web Lock leads: it streams the lifecycle of all sessions, and the events of those that any tab
 *  shows, and hands both on by a BroadcastChannel. When it goes, the browser gives the lock to the next one, which goes
 *  on from the cursors that were last told. Whoever may have missed something is told so (`resync`), and reads it from
 *  the history; whoever sees something twice drops it by its seq.
 */
import { streamEvents, streamSessionEvents, type StreamItem } from "./gen";
import { type Connection, resumable, type StreamOptions, StreamRefused } from "./stream";
import { randomId } from "./client";

/** An event of a session or of the system, without the frames that a stream adds. */
export type AnyEvent = Extract<StreamItem, { seq: number }>;

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

type Lane = "lives" | "chosen";
type Told = { kind: "told"; lane: Lane; status: Status; cursor: string | undefined; sessions: string[] };
type Message =
  | Told
  | { kind: "events"; lane: Lane; events: AnyEvent[]; cursor: string }
  | { kind: "resync"; lane: Lane; sessions: string[] }
  | { kind: "want"; tab: string; sessions: string[] }
  | { kind: "who" }
  | { kind: "bye"; tab: string }
  | { kind: "now" };

const NAME = "towpath";
const SETTLE_MS = 30; // tabs that open together make one new connection, not one each

const SILENT_LEADER_MS = 60_000;
const ANSWER_MS = 3_000;

interface Running {
  cursor: string | undefined;
  sessions: string[];
  status: Status;
  abort: AbortController | undefined;
}

export class Shared {
  private readonly tab = randomId();
  private readonly wanted = new Map<string, string[]>();
  private readonly listeners = new Map<string, Set<SessionListener>>();
  private readonly lifeListeners = new Set<LifeListener>();
  private readonly watchers = new Set<() => void>();
  private readonly hurry = new EventTarget();
  private over = new AbortController();
  private readonly lanes: Record<Lane, Running>;
  private flushes = new MessageChannel();
  private readonly pending: Record<Lane, AnyEvent[]> = { lives: [], chosen: [] };
  private channel: BroadcastChannel | undefined;
  private settling: ReturnType<typeof setTimeout> | undefined;
  private leading = false;
  private heard = Date.now();
  private merged: Status = { connection: "connecting" };

  constructor(private readonly scope: Scope) {
    const lane = (): Running => ({
      cursor: undefined,
      sessions: [],
      status: { connection: "connecting" },
      abort: undefined,
    });
    this.lanes = { lives: lane(), chosen: lane() };
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
        this.deliver(message.lane, message.events);
        break;
      case "told":
        this.learn(message);
        break;
      case "resync":
        if (message.lane === "lives") for (const listener of this.lifeListeners) listener.onResync();
        for (const sessionId of message.sessions) {
          for (const listener of this.listeners.get(sessionId) ?? []) listener.onResync();
        }
        break;
      case "want":
        this.wanted.set(message.tab, message.sessions);
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

  /** As the leader: say that it is alive, and how far. */
  private answer(): void {
    if (!this.leading) return;
    for (const lane of ["lives", "chosen"] as const) {
      const { status, cursor, sessions, abort } = this.lanes[lane];
      if (abort) this.tell({ kind: "told", lane, status, cursor, sessions });
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

  private learn({ lane, status, cursor, sessions }: Told): void {
    this.heard = Date.now();
    Object.assign(this.lanes[lane], { status, cursor, sessions });
    const { lives, chosen } = this.lanes;
    const lanes = this.scope.sessionId ? [chosen] : chosen.sessions.length ? [chosen, lives] : [lives];
    this.merged = lanes.find((each) => each.status.connection !== "live")?.status ?? { connection: "live" };
    for (const watcher of this.watchers) watcher();
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
    this.tell({ kind: "want", tab: this.tab, sessions: [...this.listeners.keys()] });
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
      const wanted = [...new Set([...this.wanted.values()].flat())].sort().slice(-100); // as many as a stream takes
      const { sessions, abort } = this.lanes.chosen;
      if (abort && wanted.join() === sessions.join()) return;
      const added = wanted.filter((sessionId) => !sessions.includes(sessionId));
      this.run("chosen", wanted, added);
    }, SETTLE_MS);
  }

  /** Stream in this lane, from its cursor on; the sessions that are *added* may have missed something. */
  private run(lane: Lane, sessions: string[], added: string[] = sessions): void {
    const running = this.lanes[lane];
    running.abort?.abort();
    running.abort = undefined;
    this.flush();
    if (lane === "chosen" && sessions.length === 0) {
      this.tell({ kind: "told", lane, status: { connection: "live" }, cursor: undefined, sessions });
      return;
    }
    const abort = (running.abort = new AbortController());
    let behind = added;
    let missed = false;
    const options: StreamOptions = {
      open: (request) => this.open(lane, sessions, request),
      cursor: running.cursor,
      signal: abort.signal,
      hurry: this.hurry,
      onState: (connection, retryAt) => {
        if (abort.signal.aborted) return;
        this.flush();
        this.tell({ kind: "told", lane, status: { connection, retryAt }, cursor: running.cursor, sessions });
      },
      onItem: (item, cursor) => {
        if (abort.signal.aborted) return;
        if (item.type === "connected") missed ||= running.cursor !== cursor; // not where it was left
        else if (item.type === "stream-reset" && item.sessionId) behind = [...behind, item.sessionId];
        else if (item.type === "stream-reset") missed = true;
        running.cursor = cursor;
        if ("seq" in item) this.keep(lane, item);
        else if (item.type === "heartbeat") this.answer();
        else if (item.type === "caught-up") {
          this.flush();
          if (missed || behind.length > 0) this.tell({ kind: "resync", lane, sessions: missed ? sessions : behind });
          behind = [];
          missed = false;
        }
      },
    };
    resumable(options).catch((error: unknown) => {
      if (!(error instanceof StreamRefused)) throw error;
    });
  }

  private open(lane: Lane, sessions: string[], request: Parameters<StreamOptions["open"]>[0]) {
    const { sessionId } = this.scope;
    if (sessionId) return streamSessionEvents({ ...request, path: { sessionId } });
    return streamEvents({ ...request, ...(lane === "chosen" && { query: { sessions: sessions.join(",") } }) });
  }

  private keep(lane: Lane, event: AnyEvent): void {
    if (this.pending.lives.length + this.pending.chosen.length === 0) this.flushes.port2.postMessage(0);
    this.pending[lane].push(event);
  }

  private flush(): void {
    for (const lane of ["lives", "chosen"] as const) {
      const events = this.pending[lane];
      if (events.length === 0) continue;
      this.pending[lane] = [];
      this.tell({ kind: "events", lane, events, cursor: this.lanes[lane].cursor ?? "" });
    }
  }
}
