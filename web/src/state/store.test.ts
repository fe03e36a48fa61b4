import { afterEach, beforeEach, expect, test, vi } from "vitest";
import folds from "../../../openapi/folds.json";
import type { SessionEvent, SessionState } from "../api/gen";
import type { SessionListener, Shared } from "../api/shared";
import { SessionStore } from "./store";

const HISTORY = (folds as unknown as Record<string, { event: SessionEvent; state: SessionState }[]>)["day"]!;
const ID = HISTORY[0]!.event.sessionId;
const ALL = HISTORY.map(({ event }) => event);

/** A server's log of one session, and the stream of it. */
class Log {
  epoch = "epoch_one";
  head = 0;
  earliest = 0;
  status = 200;
  asked: string[] = [];
  listener: SessionListener | undefined;
  /** Waited for before an answer is given. */
  pause: Promise<void> | undefined;

  readonly shared = {
    follow: (_: string, listener: SessionListener) => {
      this.listener = listener;
      return () => (this.listener = undefined);
    },
  } as unknown as Shared;

  readonly fetch = async (input: RequestInfo | URL): Promise<Response> => {
    const url = new URL(input instanceof Request ? input.url : input.toString());
    const what = url.pathname.split("/").at(-1)!;
    this.asked.push(what + url.search);
    const answer = what === "snapshot" ? this.snapshot() : this.history(url.searchParams);
    await this.pause;
    if (this.status !== 200) return Response.json({ code: "x", detail: "no" }, { status: this.status });
    return Response.json(answer);
  };

  private snapshot(): object {
    return { cursor: `${this.epoch}.${this.head}`, state: HISTORY[this.head - 1]!.state };
  }

  private history(query: URLSearchParams): object {
    const number = (name: string) => (query.has(name) ? Number(query.get(name)) : undefined);
    const [after, before, limit] = [number("after"), number("before"), number("limit")!];
    const kept = ALL.slice(this.earliest, this.head);
    const within = kept.filter(({ seq }) => seq > (after ?? 0) && seq < (before ?? Infinity));
    const events = after === undefined ? within.slice(-limit) : within.slice(0, limit);
    const last = events.at(-1)?.seq ?? this.head;
    const nextAfter = last < this.head ? last : undefined;
    const [earliest, cursor] = [this.earliest, this.head].map((seq) => `${this.epoch}.${seq}`);
    return { epoch: this.epoch, events, earliest, cursor, ...(nextAfter && { nextAfter }) };
  }
}

let log: Log;
let ends: (() => void)[];
beforeEach(() => {
  log = new Log();
  ends = [];
  vi.stubGlobal("fetch", log.fetch);
  vi.stubGlobal("requestAnimationFrame", (act: () => void) => setTimeout(act));
});
afterEach(() => {
  for (const end of ends) end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function opened(head: number): Promise<SessionStore> {
  log.head = head;
  const store = new SessionStore(ID, log.shared);
  ends.push(store.watch(() => undefined));
  await until(store, head);
  log.asked = [];
  return store;
}
const until = (store: SessionStore, head: number) =>
  vi.waitFor(
    () => {
      expect(store.view().ready && !store.view().loading && store.view().head).toBe(head);
      expect(store.state()).toEqual(HISTORY[head - 1]!.state);
    },
    { interval: 2 },
  );
/** Let the log grow, and the stream tell of it: events *from* to *to*. */
const grow = (from: number, to: number) => {
  log.head = Math.max(log.head, to);
  log.listener!.onEvents(ALL.slice(from - 1, to));
};

test("what streams is added once, however often it comes and wherever it is cut", async () => {
  const items = JSON.stringify((await opened(ALL.length)).view().items);
  log = new Log();
  vi.stubGlobal("fetch", log.fetch);
  const store = await opened(3);

  grow(3, 4);
  grow(2, 5);
  for (let seq = 5; seq <= ALL.length; seq++) grow(seq, seq);
  grow(1, ALL.length);
  await until(store, ALL.length);

  expect(JSON.stringify(store.view().items)).toBe(items);
  expect(log.asked).toEqual([]);
});

test("a gap is read from the history, and what came behind it is kept", async () => {
  const store = await opened(3);

  grow(8, 9);
  await until(store, 9);

  expect(log.asked).toEqual([expect.stringContaining("after=3")]);
});

test("what was missed while nobody streamed is read when it is said so", async () => {
  const store = await opened(4);

  log.head = 10;
  log.listener!.onResync();
  await until(store, 10);

  expect(store.view().atEnd).toBe(true);
});

test("what streams while the history is on its way comes after it", async () => {
  const store = await opened(4);
  let go = () => {};
  log.pause = new Promise((resolve) => (go = resolve));
  log.head = 6;
  log.listener!.onResync();
  grow(7, 8);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(store.view().head).toBe(4);

  go();
  await until(store, 8);
});

test("a log that begins anew is shown anew", async () => {
  const store = await opened(9);
  log.epoch = "epoch_two";
  log.head = 3;

  log.listener!.onResync();

  await until(store, 3);
});

test("where what was missed is no longer kept, what is kept is shown, and the state is whole", async () => {
  const store = await opened(4);
  const before = store.view().items;
  log.earliest = 8;
  log.head = 12;

  log.listener!.onResync();
  await until(store, 12);

  expect(store.view().atStart).toBe(true);
  expect(store.view().items).not.toBe(before);
  expect(log.asked).toContain("snapshot");
});

test("an answer that fails is asked for again, one that says no is shown", async () => {
  vi.useFakeTimers();
  log.head = 5;
  log.status = 503;
  const store = new SessionStore(ID, log.shared);
  ends.push(store.watch(() => undefined));
  await vi.advanceTimersByTimeAsync(100);
  expect(store.view().error).toMatchObject({ status: 503 });
  log.status = 200;
  await vi.advanceTimersByTimeAsync(2_100);
  expect(store.view()).toMatchObject({ ready: true, head: 5, error: undefined });

  log.status = 404;
  log.asked = [];
  log.listener!.onResync();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(store.view().error).toMatchObject({ status: 404 });
  expect(log.asked.length).toBe(1);
});
