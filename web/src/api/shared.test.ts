import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { caughtUp, connected, event, FakeChannel, FakeLocks, frame, heartbeat, type Line, Origin, settled } from "./fakes";
import { type AnyEvent, Shared, type TerminalItem } from "./shared";

let origin: Origin;
let locks: FakeLocks;
let ends: (() => void)[];
beforeEach(() => {
  origin = new Origin();
  locks = new FakeLocks();
  ends = [];
  FakeChannel.all = [];
  vi.stubGlobal("fetch", origin.fetch);
  vi.stubGlobal("BroadcastChannel", FakeChannel);
  vi.stubGlobal("navigator", { onLine: true, locks });
});
afterEach(() => {
  for (const end of ends) end();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A tab that shows sessions and terminals, and what it was told. */
function tab({ sessions = [] as string[], terminals = [] as string[], scope = {} } = {}) {
  const shared = new Shared(scope);
  const told: string[] = [];
  const seqs = (events: AnyEvent[]) => events.map((each) => `${each.sessionId}.${each.seq}`);
  shared.followLives({
    onEvents: (events) => told.push(...seqs(events).map((each) => `life ${each}`)),
    onResync: () => told.push("life again"),
  });
  const follow = (id: string) =>
    shared.follow(id, {
      onEvents: (events) => told.push(...seqs(events)),
      onResync: () => told.push(`${id} again`),
    });
  sessions.forEach(follow);
  for (const id of terminals) {
    shared.followTerminal(id, {
      viewerId: `viewer_of_${id}`,
      onItems: (items: TerminalItem[]) => told.push(...items.map((item) => `${id} ${item.type}`)),
      onJoined: () => told.push(`${id} joined`),
    });
  }
  const end = shared.start();
  const channel = FakeChannel.all.at(-1)!;
  ends.push(end);
  /** Ends it without a word, as a browser does that kills a tab. */
  const crash = () => {
    channel.close();
    origin.open.forEach((line) => line.cut());
    locks.next();
  };
  return { shared, told, follow, end, crash };
}

/** Wait for the newest stream to be opened, and have it catch up. */
async function stream(count: number, place = 1): Promise<Line> {
  await vi.waitFor(() => expect(origin.lines.length).toBe(count), { interval: 2 });
  const line = origin.lines[count - 1]!;
  const at = line.cursor ?? `store.${place}`;
  line.send(connected(at), caughtUp(at));
  await settled(2);
  return line;
}
const take = (told: string[]): string[] => told.splice(0);

test("twelve tabs open one stream, for all that any of them shows", async () => {
  const tabs = Array.from({ length: 12 }, (_, number) => tab({ sessions: [`session_${number % 3}`] }));
  tabs.push(tab({ terminals: ["terminal_a"] }));
  const line = await stream(1);

  expect(Object.fromEntries(line.query)).toEqual({
    lifecycle: "true",
    sessions: "session_0,session_1,session_2",
    terminals: "terminal_a",
    viewers: "viewer_of_terminal_a",
  });
  expect(tabs.map(({ shared }) => shared.status().connection)).toEqual(tabs.map(() => "live"));
  for (const { told } of tabs) expect(take(told)).toContain("life again"); // nobody knows what was before
  line.send(event("session_1", 7, 2), event("session_9", 1, 3, "session-created"));
  await settled(2);

  expect(tabs[1]!.told).toEqual(["session_1.7", "life session_9.1"].reverse());
  expect(tabs[2]!.told).toEqual(["life session_9.1"]);
});

test("an event that is of a chosen session and of its lifecycle reaches both, once", async () => {
  const { told } = tab({ sessions: ["session_a"] });
  const line = await stream(1);
  take(told);

  line.send(event("session_a", 2, 2, "session-status"), event("session_a", 3, 3));
  await settled(2);

  expect(told).toEqual(["life session_a.2", "session_a.2", "session_a.3"]);
});

test("who shows another session has it streamed from where all are, and reads what came before alone", async () => {
  const one = tab({ sessions: ["session_a"] });
  const other = tab();
  const line = await stream(1);
  line.send(event("session_a", 2, 5));
  await settled(2);
  take(one.told);
  take(other.told);

  other.follow("session_b");
  const next = await stream(2);

  expect([next.cursor, next.query.get("sessions")]).toEqual(["store.5", "session_a,session_b"]);
  expect(origin.open).toEqual([next]);
  expect([one.told, other.told]).toEqual([[], ["session_b again"]]);
});

test("whoever was added is told, also where the stream was replaced before it had caught up", async () => {
  const { told, follow } = tab({ sessions: ["session_a"] });
  await stream(1);
  take(told);

  follow("session_b");
  await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 2 });
  follow("session_c");
  await stream(3);

  expect(told).toEqual(["session_b again", "session_c again"]);
});

test("the next one goes on where the leader was, whether it says goodbye or not", async () => {
  for (const way of ["end", "crash"] as const) {
    const leader = tab({ sessions: ["session_a"] });
    const successor = tab({ sessions: ["session_a"] });
    const count = origin.lines.length;
    const line = await stream(count + 1);
    line.send(event("session_a", 2, 8), event("session_a", 3, 9), heartbeat("store.11"));
    await settled(2);
    take(successor.told);

    leader[way]();
    await vi.waitFor(() => expect(origin.lines.at(-1)!.cursor).toBe("store.11"), { interval: 2 });
    const next = origin.lines.at(-1)!;
    next.send(connected("store.11"), event("session_a", 4, 12), caughtUp("store.12"));
    await settled(2);

    expect(successor.told, way).toEqual(["session_a.4"]);
    successor.end();
    await settled();
  }
});

test("no cursor is told before what it stands behind was handed on", async () => {
  const told: { kind: string; cursor?: string }[] = [];
  tab({ sessions: ["session_a"] });
  const listening = new FakeChannel("towpath");
  listening.onmessage = ({ data }) => told.push(data as { kind: string; cursor?: string });
  const line = await stream(1);
  told.length = 0;

  line.send(event("session_a", 2, 2) + heartbeat("store.3") + event("session_a", 3, 4) + heartbeat("store.5"));
  await settled(2);

  expect(told.map(({ kind, cursor }) => `${kind} ${cursor}`)).toEqual([
    "items store.3",
    "told store.3",
    "items store.5",
    "told store.5",
  ]);
});

test("a reset of the store is told to all, one of a session to those who show it", async () => {
  const { told } = tab({ sessions: ["session_a", "session_b"] });
  const line = await stream(1);
  take(told);
  line.send(frame({ type: "stream-reset", reason: "gone", sessionId: "session_b" }, "store.1"), caughtUp("store.1"));
  await settled(2);
  expect(take(told)).toEqual(["session_b again"]);

  line.send(frame({ type: "stream-reset", reason: "trimmed", earliest: "store.5" }, "store.5"), caughtUp("store.5"));
  await settled(2);
  expect(take(told)).toEqual(["life again", "session_a again", "session_b again"]);

  line.cut();
  await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 5 });
  origin.lines[1]!.send(connected("other.0"), caughtUp("other.0")); // it could not go on where it was
  await settled(2);
  expect(take(told)).toEqual(["life again", "session_a again", "session_b again"]);
});

test("a cut is told to nobody if the stream goes on where it was", async () => {
  const { told, shared } = tab({ sessions: ["session_a"], terminals: ["terminal_a"] });
  const line = await stream(1);
  take(told);
  line.send(frame({ type: "terminal-output", terminalId: "terminal_a", offset: 0, data: "" }, "store.1~term.5"));
  await settled(2);
  line.cut();
  await settled(2);
  expect(shared.status().connection).toBe("retrying");
  await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 5 });

  expect(origin.lines[1]!.cursor).toBe("store.1~term.5");
  origin.lines[1]!.send(connected("store.1"), caughtUp("store.1")); // an end in a terminal leaves the cursor
  await settled(2);
  expect(told).toEqual(["terminal_a terminal-output", "terminal_a joined"]);
});

test("the end of a terminal is its viewers', and the log's word of it everybody's", async () => {
  const { told } = tab({ terminals: ["terminal_a"] });
  const line = await stream(1);
  take(told);
  const end = { type: "terminal-closed", terminalId: "terminal_a", sessionId: "session_a", timestamp: 0 };

  line.send(frame({ ...end, seq: 0 }, "store.1"), frame({ ...end, seq: 4 }, "store.2"));
  await settled(2);

  expect(told).toEqual(["life session_a.4", "terminal_a terminal-closed", "terminal_a terminal-closed"]);
});

test("an address that is no id does not cost the others their stream", async () => {
  tab({ sessions: ["../../etc", "short", "session_a"] });

  expect((await stream(1)).query.get("sessions")).toBe("session_a");
});

test("what is refused is said in all tabs", async () => {
  origin.status = 403;
  const tabs = [tab(), tab()];

  await vi.waitFor(() => expect(tabs.map(({ shared }) => shared.status().connection)).toEqual(["denied", "denied"]));
});

test("with several viewers the old stream stays until the new one stands, with one it does not", async () => {
  const one = tab({ terminals: ["terminal_a"] });
  const alone = await stream(1);
  one.follow("session_a");
  await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 2 });
  expect(alone.ended).toBe(true);
  await stream(2);

  tab({ terminals: ["terminal_b"] });
  const both = await stream(3);
  one.follow("session_b");
  await vi.waitFor(() => expect(origin.lines.length).toBe(4), { interval: 2 });
  expect(both.ended).toBe(false);
  await stream(4);
  expect(both.ended).toBe(true);
});

test("a tab that is looked at takes the lead from one that says nothing", async () => {
  vi.useFakeTimers();
  tab({ sessions: ["session_a"] });
  await vi.advanceTimersByTimeAsync(100);
  origin.lines[0]!.send(connected("store.4"), caughtUp("store.4"));
  FakeChannel.all[0]!.close(); // frozen: it hears nothing and says nothing, and holds the lock
  const { shared } = tab({ sessions: ["session_b"] });
  await vi.advanceTimersByTimeAsync(30_000);
  expect(origin.lines.length).toBe(1);

  await vi.advanceTimersByTimeAsync(60_000);

  expect(origin.lines.at(-1)!.query.get("sessions")).toBe("session_b");
  origin.lines.at(-1)!.send(connected("store.4"), caughtUp("store.4"));
  await vi.advanceTimersByTimeAsync(10);
  expect(shared.status().connection).toBe("live");
});

test("a token for one session streams that alone, and its terminals for each tab", async () => {
  const { told } = tab({ sessions: ["session_a"], terminals: ["terminal_a"], scope: { sessionId: "session_a" } });
  await vi.waitFor(() => expect(origin.lines.length).toBe(2), { interval: 2 });
  const [terminal, session] = origin.lines;
  session!.send(connected("own.1"), event("session_a", 2, 2, "session-status"), caughtUp("own.2"));
  terminal!.send(connected("term.0"), caughtUp("term.0"));
  await settled(2);

  expect(told.sort()).toEqual(
    ["life again", "life session_a.2", "session_a again", "session_a.2", "terminal_a joined"].sort(),
  );
});
