import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { caughtUp, connected, event, frame, heartbeat, Origin, settled } from "./fakes";
import { streamEvents, type StreamItem } from "./gen";
import { type Connection, resumable, StreamRefused } from "./stream";

let origin: Origin;
let over: AbortController;
beforeEach(() => {
  origin = new Origin();
  over = new AbortController();
  vi.stubGlobal("fetch", origin.fetch);
});
afterEach(() => {
  over.abort();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Follow; a cut is followed by the next attempt at once, unless it is *patient*. */
function follow({ patient = false, cursor }: { patient?: boolean; cursor?: string } = {}) {
  const items: StreamItem[] = [];
  const states: Connection[] = [];
  const waits: number[] = [];
  const hurry = new EventTarget();
  const ended = resumable({
    open: (request) => streamEvents(request),
    cursor,
    signal: over.signal,
    hurry,
    onItem: (item) => void items.push(item),
    onState: (state, retryAt) => {
      states.push(state);
      if (retryAt) waits.push(retryAt - Date.now());
      if (retryAt && !patient) queueMicrotask(() => hurry.dispatchEvent(new Event("now")));
    },
  });
  const seqs = () => items.flatMap((item) => ("seq" in item ? [item.seq] : []));
  return { items, states, waits, hurry, ended, seqs };
}

/** What a server sends from a cursor on. */
function whole(cursor: string | null): string {
  const from = Number(cursor?.split(".")[1] ?? 0);
  const events = [1, 2, 3].filter((seq) => seq > from).map((seq) => event("session_a", seq, seq));
  return connected(cursor ?? "store.0") + events.join("") + caughtUp("store.3");
}

test("cut at any byte, every event comes once and in order", async () => {
  const { length } = whole(null);
  for (let at = 0; at <= length; at += 7) {
    over = new AbortController();
    origin.lines.length = 0;
    const seen = follow();
    await settled();
    origin.lines[0]!.send(whole(null).slice(0, at));
    await settled();
    origin.lines[0]!.cut();
    await settled();
    await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 1 });
    origin.lines[1]!.send(whole(origin.lines[1]!.cursor));
    await vi.waitFor(() => expect(seen.states.at(-1)).toBe("live"), { interval: 1 });

    expect(seen.seqs(), `cut at ${at}`).toEqual([1, 2, 3]);
    over.abort();
  }
});

test("it says how it stands, and is live only when it has caught up", async () => {
  const { states } = follow();
  await settled();
  expect(states).toEqual(["connecting"]);
  origin.lines[0]!.send(connected("store.1"));
  await settled();
  expect(states).toEqual(["connecting", "catching-up"]);
  origin.lines[0]!.send(caughtUp("store.1"));
  await settled();
  expect(states).toEqual(["connecting", "catching-up", "live"]);
});

test.each([400, 401, 403, 404, 410])("after %d it does not come again", async (status) => {
  origin.status = status;
  const { ended, states } = follow();

  await expect(ended).rejects.toThrow(StreamRefused);
  expect(states).toEqual(["connecting", "denied"]);
});

test.each([408, 429, 500, 503])("after %d it comes again, and waits longer each time", async (status) => {
  vi.useFakeTimers();
  origin.status = status;
  const { states, waits } = follow({ patient: true });
  await vi.advanceTimersByTimeAsync(10_000);
  origin.status = 200;
  await vi.advanceTimersByTimeAsync(15_000);

  expect(origin.lines.length).toBe(1);
  expect(states).not.toContain("denied");
  expect(Math.max(...waits)).toBeLessThanOrEqual(15_000);
  expect(waits[4]!).toBeGreaterThan(waits[0]! * 4);
});

test("silence for three heartbeats is an end, any byte is life", async () => {
  vi.useFakeTimers();
  const { states } = follow({ patient: true });
  await vi.advanceTimersByTimeAsync(1);
  origin.lines[0]!.send(connected("store.1"), caughtUp("store.1"));
  for (let beat = 0; beat < 10; beat++) {
    await vi.advanceTimersByTimeAsync(40_000);
    origin.lines[0]!.send(heartbeat("store.1"));
  }
  await vi.advanceTimersByTimeAsync(44_000);
  expect(states.at(-1)).toBe("live");

  await vi.advanceTimersByTimeAsync(2_000);

  expect(origin.lines[0]!.ended).toBe(true);
  expect(origin.lines.length).toBe(2);
  expect(origin.lines[1]!.cursor).toBe("store.1");
});

test("a server that closes says when to come back", async () => {
  const { waits } = follow({ patient: true });
  await settled();
  const closing = frame({ type: "stream-closing", reason: "drain" }, "store.5").replace("data:", "retry: 3210\ndata:");
  origin.lines[0]!.send(connected("store.5"), closing);
  await settled();
  origin.lines[0]!.cut();
  await vi.waitFor(() => expect(waits.length).toBe(1));

  expect(waits[0]).toBeGreaterThan(3_000);
  expect(waits[0]).toBeLessThanOrEqual(3_210);
});

test("waits begin small again after it was live, and nothing is asked for once it is over", async () => {
  const seen = follow();
  for (let round = 0; round < 4; round++) {
    await vi.waitFor(() => expect(origin.lines.length).toBe(round + 1), { interval: 1 });
    origin.lines[round]!.send(connected("store.1"), caughtUp("store.1"));
    await settled();
    origin.lines[round]!.cut();
  }
  await vi.waitFor(() => expect(origin.lines.length).toBe(5), { interval: 1 });

  expect(Math.max(...seen.waits)).toBeLessThanOrEqual(250);
  over.abort();
  await seen.ended;
  expect(origin.open).toEqual([]);
});
