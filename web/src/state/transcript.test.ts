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
    event({ type: "agent-message", messageId: "message-1", text: "Hello" }),
    event({ type: "turn-completed", stopReason: "end" }),
  );

  expect(items).toMatchObject([{ kind: "prompt", over: "end" }, { open: false }]);
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
