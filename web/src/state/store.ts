/** One session as this tab knows it, outside of React: a window of its events, what they look like, what they mean.
 *
 *  The window is contiguous and bounded. While it ends at the session's head, new events are put to it; while it does
 *  not, because somebody reads far above, they are only counted. Nothing is lost by that: the log has all, and both
 *  ends of the window go on by pages of the history.
 */
import { ApiProblem, ask } from "../api/client";
import { getSessionHistory, getSessionSnapshot, type History, type SessionEvent, type SessionState } from "../api/gen";
import type { AnyEvent, Shared } from "../api/shared";
import { apply } from "./reduce";
import { type Item, Transcript } from "./transcript";

export const MOST_EVENTS = 20_000; // to make their items anew takes some 15 ms
const TRIMMED_EVENTS = 5_000; // at once, so that trimming is rare
const PAGE_EVENTS = 1000;
const FIRST_EVENTS = 400; // two screens and more of tool calls; the rest comes when somebody scrolls
const HIDDEN_FLUSH_MS = 250;
const SLOW_FLUSH_MS = 8; // a flush that takes longer, drawn, makes the next one wait, so that typing stays quick
const REST = 3; // for so many times as long as it took
const LONGEST_REST_MS = 150;
const RETRY_MS = 2000;

export interface View {
  /** Grows with every change. */
  version: number;
  items: readonly Item[];
  /** Of the newest event that the session has. */
  head: number;
  /** Whether the window ends at the head, and whether it begins at the oldest event that is kept. */
  atEnd: boolean;
  atStart: boolean;
  loading: boolean;
  /** The first page is here, or why it is not. */
  ready: boolean;
  error: unknown;
  deleted: boolean;
}

export class SessionStore {
  private following = true;
  private events: SessionEvent[] = [];
  private transcript = new Transcript();
  private folded: SessionState | undefined;
  private foldedSeq = 0;
  private epoch = "";
  private earliest = 0;
  /** What streamed and is not shown yet; while `held`, a page of the history is on its way that goes before it. */
  private pending: SessionEvent[] = [];
  private held = false;
  private scheduled = false;
  private flushMs = 0;
  private begun = false;
  /** Turns whose output is shown whole: those that somebody asked for, and those that came while it was looked at. */
  private readonly whole = new Set<string>();
  private busy: Promise<void> = Promise.resolve();
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly watchers = new Set<() => void>();
  private current: View = {
    version: 0,
    items: [],
    head: 0,
    atEnd: true,
    atStart: false,
    loading: true,
    ready: false,
    error: undefined,
    deleted: false,
  };
  private end: (() => void) | undefined;

  constructor(
    readonly sessionId: string,
    private readonly shared: Shared,
  ) {}

  /** Load what is shown first, while the code that shows it is on its way; then somebody has to watch. */
  readonly begin = (): void => {
    this.begun = true;
    void this.resync();
  };

  /** For useSyncExternalStore. The first watcher opens the session, the last one closes it. */
  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    if (!this.end) {
      this.end = this.shared.follow(this.sessionId, {
        onEvents: (events) => this.take(events),
        onResync: () => void this.resync(),
      });
      if (!this.begun) void this.resync();
      this.begun = false; // what came since is read when the stream is there
    }
    return () => {
      this.watchers.delete(watcher);
      queueMicrotask(() => {
        if (this.watchers.size > 0) return;
        this.end?.();
        this.end = undefined;
        clearTimeout(this.retry);
      });
    };
  };
  readonly view = (): View => this.current;
  readonly state = (): SessionState | undefined => this.folded;

  /** Say whether the end is looked at: only then the far end may be cut while new events come. */
  readonly setFollowing = (following: boolean): void => {
    this.following = following;
  };

  /** Load the page before the window. */
  readonly loadBefore = (): Promise<void> =>
    this.alone(async () => {
      const first = this.events[0]?.seq;
      if (first === undefined || this.current.atStart) return;
      if (this.events.length + PAGE_EVENTS > MOST_EVENTS) this.cut(-TRIMMED_EVENTS);
      const page = await this.history({ before: first, limit: PAGE_EVENTS });
      if (page.epoch !== this.epoch) return this.reload();
      this.events = [...page.events, ...this.events];
      this.note(page);
      this.rebuild();
    });

  /** Load the page after the window, where it does not end at the head. */
  readonly loadAfter = (): Promise<void> => this.alone(() => this.catchUp(1));

  /** Show the newest events again. */
  readonly jumpToEnd = (): Promise<void> =>
    this.alone(async () => {
      if (!this.current.atEnd) await this.reload();
    });

  /** Show what surrounds an event. */
  readonly jumpTo = (seq: number): Promise<void> =>
    this.alone(async () => {
      const first = this.events[0]?.seq ?? Infinity;
      if (seq >= first && seq <= this.last) return;
      const page = await this.history({ after: Math.max(0, seq - FIRST_EVENTS / 2), limit: FIRST_EVENTS });
      if (page.epoch !== this.epoch) return this.reload();
      this.events = page.events;
      this.note(page);
      this.rebuild();
    });

  /** Return the place among the items of what shows an event, if it is loaded. */
  readonly placeOf = (seq: number): number | undefined => this.transcript.placeOf(seq);

  /** Return the last event that an item shows, or that came before the next item. */
  readonly lastOf = (key: string): number | undefined => this.transcript.lastOf(key);

  /** Show the whole output of a turn. */
  readonly unfold = (turnId: string | undefined): void => {
    this.whole.add(turnId ?? "");
    this.rebuild();
  };

  private get last(): number {
    return this.events.at(-1)?.seq ?? 0;
  }

  /** Take what streamed: new, seen before, or with a gap before it. */
  private take(events: AnyEvent[]): void {
    for (const event of events) this.pending.push(event as SessionEvent);
    if (this.scheduled || this.held) return;
    this.scheduled = true;
    if (this.flushMs > SLOW_FLUSH_MS) setTimeout(this.draw, Math.min(this.flushMs * REST, LONGEST_REST_MS));
    else this.draw();
  }

  /** Flush with the next frame; a tab that is not looked at has none. */
  private readonly draw = (): void => {
    const flush = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
      const begun = performance.now();
      this.scheduled = false;
      this.flush();
      setTimeout(() => (this.flushMs = document.hidden ? 0 : performance.now() - begun)); // behind the frame
    };
    const frame = requestAnimationFrame(flush);
    const timer = setTimeout(flush, HIDDEN_FLUSH_MS);
  };

  private flush(): void {
    if (this.held) return;
    if (this.current.atEnd && this.events.length > MOST_EVENTS) {
      this.cut(TRIMMED_EVENTS);
      if (this.pending.length > 0) this.take([]);
      return;
    }
    const { pending } = this;
    this.pending = [];
    let { head, atEnd, deleted } = this.current;
    for (const [place, event] of pending.entries()) {
      if (event.seq <= head) continue;
      if (event.seq > head + 1) {
        this.pending = pending.slice(place);
        void this.resync();
        break;
      }
      head = event.seq;
      this.fold(event);
      deleted ||= event.type === "session-deleted";
      atEnd &&= this.following || this.events.length < MOST_EVENTS;
      if (!atEnd) continue;
      this.events.push(event);
      this.transcript.add(event);
      if (event.type === "turn-started") this.whole.add(event.turnId);
    }
    this.show({ head, atEnd, deleted });
  }

  private fold(event: SessionEvent): void {
    if (!this.folded || event.seq <= this.foldedSeq) return;
    this.folded = apply(this.folded, event);
    this.foldedSeq = event.seq;
  }

  /** Read what may have been missed. */
  private resync(): Promise<void> {
    this.held = true;
    return this.alone(async () => {
      if (!this.current.ready) return this.reload();
      const { head } = this.current;
      const page = await this.history({ after: head, limit: PAGE_EVENTS });
      const first = page.events[0];
      const goesOn = page.epoch === this.epoch && page.nextAfter === undefined && (!first || first.seq === head + 1);
      if (!goesOn) return this.reload();
      this.pending = [...page.events, ...this.pending];
    });
  }

  /** Begin anew at the head: the state from the snapshot, the newest page from the history. */
  private async reload(): Promise<void> {
    this.held = true;
    const path = { sessionId: this.sessionId };
    const [page, snapshot] = await Promise.all([
      this.history({ limit: FIRST_EVENTS }),
      ask(getSessionSnapshot({ path })),
    ]);
    if (!snapshot.cursor.startsWith(`${page.epoch}.`)) return this.reload(); // replaced between the two
    this.epoch = page.epoch;
    this.events = page.events;
    this.folded = snapshot.state;
    this.foldedSeq = seqOf(snapshot.cursor);
    this.note(page);
    this.rebuild({ head: this.last, ready: true, error: undefined, deleted: false });
    if (this.foldedSeq > this.last) await this.catchUp();
  }

  /** Read on from the end of the window, until the head or for so many pages. */
  private async catchUp(pages = Infinity): Promise<void> {
    for (let more = true; more && pages > 0; pages--) {
      if (this.events.length + PAGE_EVENTS > MOST_EVENTS) this.cut(TRIMMED_EVENTS);
      const page = await this.history({ after: this.last, limit: PAGE_EVENTS });
      if (page.epoch !== this.epoch || (page.events[0] && page.events[0].seq !== this.last + 1)) return this.reload();
      for (const event of page.events) this.events.push(event);
      more = page.nextAfter !== undefined;
      this.note(page);
      this.rebuild();
    }
  }

  /** Let go of so many events at the beginning, or at the end. It is drawn before others come at the opposite end: of
   *  two changes in one step nobody could tell which rows went and which came, and the row being read would move. For
   *  the same reason the window begins with a turn, if it can: of half a turn other rows might be made. */
  private cut(many: number): void {
    if (many < 0) this.events.splice(many);
    else {
      const turn = this.events.slice(0, many + 1).findLastIndex((event) => event.type === "command-sent");
      this.events.splice(0, turn > 0 ? turn : many);
    }
    this.rebuild();
  }

  private async history(query: { after?: number; before?: number; limit: number }): Promise<History> {
    return ask(getSessionHistory({ path: { sessionId: this.sessionId }, query }));
  }

  private note(page: History): void {
    this.earliest = seqOf(page.earliest);
  }

  /** One at a time: two pages at once would tear the window. */
  private alone(work: () => Promise<void>): Promise<void> {
    this.busy = this.busy.then(async () => {
      this.show({ loading: true });
      try {
        await work();
        this.held = false;
        this.show({ loading: false, error: undefined });
        this.flush();
      } catch (error) {
        this.show({ loading: false, error });
        const passing = !(error instanceof ApiProblem) || error.status === 0 || error.status >= 500;
        clearTimeout(this.retry);
        if (passing) this.retry = setTimeout(() => void this.resync(), RETRY_MS);
      }
    });
    return this.busy;
  }

  private rebuild(changes: Partial<View> = {}): void {
    this.transcript = new Transcript();
    for (const event of this.events) {
      this.transcript.add(event);
      this.fold(event);
    }
    this.transcript.fold(this.whole);
    const head = Math.max(changes.head ?? this.current.head, this.last);
    const first = this.events[0]?.seq ?? 1;
    this.show({ ...changes, head, atEnd: this.last >= head, atStart: first <= this.earliest + 1 });
  }

  private show(changes: Partial<View>): void {
    this.current = {
      ...this.current,
      ...changes,
      items: this.transcript.items,
      version: this.current.version + 1,
    };
    for (const watcher of this.watchers) watcher();
  }
}

const seqOf = (cursor: string): number => Number(cursor.slice(cursor.indexOf(".") + 1));

/** The sessions that this tab has open, and a few that it had: going back shows them at once. */
export class Stores {
  private readonly stores = new Map<string, SessionStore>();
  constructor(private readonly shared: Shared) {}

  get(sessionId: string): SessionStore {
    const known = this.stores.get(sessionId) ?? new SessionStore(sessionId, this.shared);
    this.stores.delete(sessionId);
    this.stores.set(sessionId, known);
    if (this.stores.size > KEPT_STORES) this.stores.delete(this.stores.keys().next().value!);
    return known;
  }
}

const KEPT_STORES = 8;
