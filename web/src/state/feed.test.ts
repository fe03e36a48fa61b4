import { afterEach, expect, test, vi } from "vitest";
import { ApiProblem } from "../api/client";
import type { TerminalSnapshot } from "../api/gen";
import type { TerminalItem } from "../api/shared";
import { Feed, type Read } from "./feed";

afterEach(() => vi.useRealTimers());

const TEXT = "0123456789abcdefghij";
const output = (from: number, to: number): TerminalItem => ({
  type: "terminal-output",
  terminalId: "terminal_a",
  offset: from,
  data: btoa(TEXT.slice(from, to)),
});
const snapshot = (offset: number): TerminalSnapshot => ({
  type: "terminal-snapshot",
  terminalId: "terminal_a",
  offset,
  cols: 80,
  rows: 24,
  title: "",
  data: btoa(TEXT.slice(0, offset)),
  exact: true,
});
const closed: TerminalItem = {
  type: "terminal-closed",
  terminalId: "terminal_a",
  sessionId: "system_0",
  seq: 0,
  timestamp: 0,
  exitCode: 3,
};

/** A terminal of the server, of which so much was printed, and what shows it. */
function stage({ printed = 4 } = {}) {
  const server = { printed, ended: false, reads: [] as (string | undefined)[], problem: undefined as ApiProblem | undefined };
  const shown = { text: "", told: [] as string[], full: undefined as PromiseWithResolvers<void> | undefined };
  let hold: PromiseWithResolvers<void> | undefined;
  const read: Read = async (cursor, onItem, room, signal) => {
    server.reads.push(cursor);
    await hold?.promise;
    if (signal.aborted) throw new DOMException("aborted", "AbortError");
    if (server.problem) throw server.problem;
    let at = cursor === undefined ? server.printed : Number(cursor.split(".")[1]);
    if (cursor === undefined) onItem(snapshot(at), `epoch.${at}`);
    for (; at < server.printed; at++) {
      onItem(output(at, at + 1), `epoch.${at + 1}`);
      await room();
    }
    if (server.ended) onItem(closed, `epoch.${at + 1}`);
  };
  const feed = new Feed(
    {
      reset: ({ data }) => (shown.text = atob(data)),
      write: (bytes) => (shown.text += new TextDecoder().decode(bytes)),
      room: () => shown.full?.promise,
      resize: (cols, rows) => shown.told.push(`${cols}x${rows}`),
      caughtUp: () => shown.told.push("caught up"),
      closed: (code) => shown.told.push(`closed ${code}`),
      gone: () => shown.told.push("gone"),
      failed: ({ status }) => shown.told.push(`failed ${status}`),
    },
    read,
  );
  const pause = () => (hold = Promise.withResolvers());
  const text = (expected: string) => vi.waitFor(() => expect(shown.text).toBe(expected), { interval: 1 });
  return { server, shown, feed, pause, text };
}

test("cut between any two bytes, joined again in any way, every byte is shown once", async () => {
  for (let cut = 4; cut <= TEXT.length; cut++) {
    for (const back of [0, 1, 3]) {
      const { server, feed, text } = stage();
      feed.begin();
      await text(TEXT.slice(0, 4));
      for (let at = 4; at < cut; at += 3) feed.take([output(at, Math.min(cut, at + 3))]);
      server.printed = TEXT.length;
      feed.take([output(Math.max(0, cut - back), TEXT.length)]); // some of it again
      await text(TEXT);
    }
  }
});

test("what streams before it is known where it goes on is kept until then", async () => {
  const { server, feed, text, pause } = stage();
  const going = pause();
  feed.begin();
  feed.take([output(4, 6), output(6, 8)]);
  server.printed = 5;
  going.resolve();

  await text(TEXT.slice(0, 8));
});

test("what was missed is read from where it was left, as often as needed", async () => {
  const { server, feed, text } = stage();
  feed.begin();
  await text(TEXT.slice(0, 4));

  server.printed = 10;
  feed.take([output(8, 10)]);
  await text(TEXT.slice(0, 10));
  server.printed = 15;
  feed.take([snapshot(15)]); // the stream had to begin anew
  await text(TEXT.slice(0, 15));

  expect(server.reads).toEqual([undefined, "epoch.4", "epoch.10"]);
});

test("one that is full reads on alone, as fast as it shows, and comes back", async () => {
  const { server, shown, feed, text } = stage();
  feed.begin();
  await text(TEXT.slice(0, 4));

  shown.full = Promise.withResolvers();
  server.printed = 12;
  for (let at = 4; at < 12; at++) feed.take([output(at, at + 1)]);
  expect(shown.text).toBe(TEXT.slice(0, 4)); // nothing more for now
  await Promise.resolve();
  expect(server.reads).toEqual([undefined]); // nor asked for
  shown.full.resolve();
  shown.full = undefined;
  await text(TEXT.slice(0, 12));
  feed.take([output(12, 14)]);

  await text(TEXT.slice(0, 14));
  expect(server.reads).toEqual([undefined, "epoch.4"]);
});

test("what it could not keep while it read is read again", async () => {
  const { server, feed, pause } = stage();
  const going = pause();
  feed.begin();
  for (let round = 0; round <= 64; round++) feed.take([output(4, 5)]);
  going.resolve();
  await vi.waitFor(() => expect(server.reads).toEqual([undefined, "epoch.4"]), { interval: 1 });
});

test("a read that may never come is begun again when the stream was", async () => {
  const { server, feed, text, pause } = stage();
  pause(); // for ever
  feed.begin();
  await Promise.resolve();
  pause().resolve();

  feed.rejoin();

  await text(TEXT.slice(0, 4));
  expect(server.reads.length).toBe(2);
  feed.rejoin(); // nothing is being read
  expect(server.reads.length).toBe(2);
});

test("the end is told once, with all that was printed before it", async () => {
  const { server, shown, feed, text } = stage();
  feed.begin();
  await text(TEXT.slice(0, 4));
  server.printed = 9;
  server.ended = true;

  feed.take([closed, closed]);
  await text(TEXT.slice(0, 9));
  feed.take([closed, output(9, 10)]);
  feed.begin();

  await vi.waitFor(() => expect(shown.told).toContain("closed 3"));
  expect(shown.told.filter((told) => told === "closed 3").length).toBe(1);
  expect(shown.text).toBe(TEXT.slice(0, 9));
});

test("one that is gone is over, one that can't be reached is tried again, a refusal is not", async () => {
  vi.useFakeTimers();
  for (const [status, reads, told] of [
    [404, 1, ["gone"]],
    [403, 1, ["failed 403"]],
    [0, 3, ["failed 0", "failed 0", "failed 0"]],
    [503, 3, ["failed 503", "failed 503", "failed 503"]],
  ] as const) {
    const { server, shown, feed } = stage();
    server.problem = new ApiProblem(status, {});
    feed.begin();
    await vi.advanceTimersByTimeAsync(4_500);
    expect([server.reads.length, shown.told], `${status}`).toEqual([reads, told]);
    feed.halt();
  }
});
