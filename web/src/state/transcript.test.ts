import { expect, test } from "vitest";
import folds from "../../../openapi/folds.json";
import type { SessionEvent } from "../api/gen";
import { Transcript } from "./transcript";

let seq = 0;
const event = (members: object) =>
  ({ sessionId: "session-1", seq: ++seq, timestamp: seq, turnId: "turn-1", ...members }) as unknown as SessionEvent;
const output = (content: string, members = {}) =>
  event({ type: "session-output", stream: "stdout", content, ...members });

function shown(...events: SessionEvent[]) {
  const transcript = new Transcript();
  for (const each of events) transcript.add(each);
  return transcript.items;
}

test.each(Object.values(folds))("every event that a session can hold is taken", (...steps) => {
  const items = shown(...steps.map((step) => step.event as unknown as SessionEvent));

  expect(new Set(items.map((item) => item.key)).size).toBe(items.length);
});

test("pieces of a message join, also around what comes between them", () => {
  const piece = (text: string) => event({ type: "agent-message", messageId: "message-1", text });

  const items = shown(piece("Hel"), event({ type: "tool-call", toolCallId: "t", status: "running" }), piece("lo"));

  expect(items.map((item) => item.kind)).toEqual(["message", "tool"]);
  expect(items[0]).toMatchObject({ text: "Hello", open: true });
});

test("a turn's end closes what was said in it", () => {
  const items = shown(
    event({ type: "command-sent", command: "x", delivery: "queue" }),
    event({ type: "turn-started" }),
    event({ type: "agent-message", messageId: "message-1", text: "Hello" }),
    event({ type: "turn-completed", stopReason: "end" }),
  );

  expect(items).toMatchObject([{ kind: "prompt", over: { stopReason: "end" } }, { open: false }]);
});

test("output joins into rows of a bounded size, by stream, turn and tool", () => {
  const items = shown(
    ...Array.from({ length: 100 }, () => output("x".repeat(100))),
    output("e", { stream: "stderr" }),
    output("background", { turnId: undefined }),
  );

  const texts = items.map((item) => ("text" in item ? item.text.length : 0));
  expect(Math.max(...texts)).toBeLessThan(4300);
  expect(texts.reduce((sum, length) => sum + length)).toBe(10_011);
  expect(items.slice(-2).map((item) => "stream" in item && item.stream)).toEqual(["stderr", "stdout"]);
});

test("a tool's output goes to the tool, the newest of it", () => {
  const items = shown(
    event({ type: "tool-call", toolCallId: "t", title: "Run", status: "running" }),
    output("a".repeat(70_000), { toolCallId: "t" }),
    output("b", { toolCallId: "t" }),
    event({ type: "tool-call", toolCallId: "t", status: "completed" }),
  );

  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ call: { title: "Run", status: "completed" } });
  expect((items[0] as { output?: string }).output).toHaveLength(64 * 1024);
});

test("an item is replaced when it changes, never altered", () => {
  const transcript = new Transcript();
  transcript.add(output("a"));
  const [before] = transcript.items;

  transcript.add(output("b"));

  expect(before).toMatchObject({ text: "a" });
  expect(transcript.items[0]).not.toBe(before);
});

test("a row of output ends with a line, and the next one goes on in its colours", () => {
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${index}\n`).join("");

  const items = shown(output(`\x1b[31m${lines}half`), output(" and half\n")) as { text: string }[];

  expect(items.length).toBeGreaterThan(5);
  expect(Math.max(...items.map((item) => item.text.length))).toBeLessThan(4200);
  expect(items.slice(0, -1).every((item) => item.text.endsWith("\n"))).toBe(true);
  expect(items.every((item) => item.text.startsWith("\x1b[31m"))).toBe(true);
  expect(items.map((item) => item.text.slice(5)).join("")).toBe(`${lines}half and half\n`);
});

test("a turn's prompt knows how long it took and how it exited, and so does a tool", () => {
  const items = shown(
    event({ type: "command-sent", command: "x", delivery: "queue" }),
    event({ type: "turn-started", timestamp: 1000 }),
    event({ type: "tool-call", toolCallId: "t", status: "running", timestamp: 1200 }),
    output("", { stream: "exit", exitCode: 3, toolCallId: "t" }),
    event({ type: "tool-call", toolCallId: "t", status: "failed", timestamp: 1700 }),
    output("", { stream: "exit", exitCode: 0 }),
    event({ type: "turn-completed", stopReason: "end", timestamp: 2500 }),
  );

  expect(items).toMatchObject([
    { kind: "prompt", startedAt: 1000, over: { timestamp: 2500 }, code: 0 },
    { kind: "tool", at: 1200, endedAt: 1700, code: 3 },
  ]);
});

test("the middle of a long output is left out, and each event knows where it is shown", () => {
  const transcript = new Transcript();
  const outputs = Array.from({ length: 60 }, () => output(`${"x".repeat(4200)}\n`));
  for (const each of outputs) transcript.add(each);
  const all = transcript.items;

  transcript.fold(new Set());
  const { items } = transcript;

  expect(items.map((item) => item.kind)).toEqual(["output", "output", "output", "output", "fold", ...Array<string>(8).fill("output")]);
  expect(items[4]).toMatchObject({ rows: all.length - 12 });
  expect(transcript.placeOf(outputs[30]!.seq)).toBe(4);
  expect(transcript.placeOf(outputs.at(-1)!.seq)).toBe(items.length - 1);
});

test("a prompt that waits appears where its turn begins, or where it was taken back", () => {
  const items = shown(
    event({ type: "command-sent", command: "later", delivery: "queue", turnId: "turn-2" }),
    event({ type: "command-sent", command: "never", delivery: "queue", turnId: "turn-3" }),
    output("of the first"),
    event({ type: "turn-completed", stopReason: "cancelled", turnId: "turn-3" }),
    event({ type: "turn-started", turnId: "turn-2" }),
  );

  expect(items).toMatchObject([
    { kind: "output" },
    { kind: "prompt", sent: { command: "never" }, over: { stopReason: "cancelled" } },
    { kind: "note" },
    { kind: "prompt", sent: { command: "later" } },
  ]);
});
