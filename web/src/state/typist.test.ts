import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiProblem } from "../api/client";
import { type Send, type Typed, Typist } from "./typist";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Answer = "ok" | "cut" | "lost" | "refused" | "closed" | "forbidden" | "forgotten";

/** A terminal that takes each number once, and answers as it is told: `lost`, it takes it and the answer is lost. */
function stage(...answers: Answer[]) {
  const terminal = { text: "", taken: 0, sent: [] as number[] };
  const states: Typed[] = [];
  const send: Send = async ({ seq, bytes }) => {
    terminal.sent.push(seq);
    await Promise.resolve();
    const answer = answers.shift() ?? "ok";
    if (answer === "cut") throw new ApiProblem(0, {});
    if (answer === "refused") throw new ApiProblem(429, { code: "input-refused" });
    if (answer === "closed") throw new ApiProblem(409, { code: "terminal-closed" });
    if (answer === "forbidden") throw new ApiProblem(403, { code: "insufficient-scope" });
    if (answer === "forgotten") terminal.taken = 0;
    if (seq > terminal.taken + 1) {
      throw new ApiProblem(409, { code: "input-gap", expected: terminal.taken + 1 } as object);
    }
    if (seq === terminal.taken + 1) {
      terminal.text += new TextDecoder().decode(bytes);
      terminal.taken = seq;
    }
    if (answer === "lost") throw new ApiProblem(0, {});
  };
  const typist = new Typist(send, (typed) => void states.push(typed));
  const type = (text: string) => typist.type(new TextEncoder().encode(text));
  return { terminal, states, typist, type };
}
const passed = () => vi.advanceTimersByTimeAsync(60_000);

test("what is typed while a request is on its way goes with the next one, in order", async () => {
  const { terminal, type, states } = stage();

  for (const key of "hello world") type(key);
  await passed();

  expect(terminal).toMatchObject({ text: "hello world", sent: [1, 2] });
  expect(states.at(-1)).toEqual({ unsent: 0, trouble: undefined });
});

test("an answer that is lost types nothing twice, a request that is lost nothing less", async () => {
  for (const answers of [["cut", "cut"], ["lost", "lost"], ["cut", "lost", "ok", "lost", "cut"]] as Answer[][]) {
    const { terminal, type } = stage(...answers);
    for (const key of "abcdef") {
      type(key);
      await vi.advanceTimersByTimeAsync(150);
    }
    await passed();

    expect(terminal.text, answers.join()).toBe("abcdef");
  }
});

test("a program that does not read is waited for, and somebody is told", async () => {
  const { terminal, type, states } = stage("refused", "refused");

  type("a");
  await vi.advanceTimersByTimeAsync(10);
  expect(states.at(-1)).toEqual({ unsent: 1, trouble: "refused" });
  await passed();

  expect(terminal).toMatchObject({ text: "a", sent: [1, 1, 1] });
  expect(states.at(-1)).toEqual({ unsent: 0, trouble: undefined });
});

test("waits grow, and end at once when the connection is back", async () => {
  const { terminal, type, typist } = stage(...Array<Answer>(8).fill("cut"));
  type("a");
  await vi.advanceTimersByTimeAsync(3_500);
  expect(terminal.sent.length).toBe(5); // after 0.2, 0.4, 0.8 and 1.6 s

  typist.hasten();
  await vi.advanceTimersByTimeAsync(1);

  expect(terminal.sent.length).toBe(6);
});

test("a terminal that no longer knows who types is typed into from where it says", async () => {
  const { terminal, type } = stage("ok", "forgotten");
  type("a");
  await passed();
  type("b");
  await passed();

  expect(terminal).toMatchObject({ text: "ab", sent: [1, 2, 1] });
});

test("what may have been typed or not is not typed again, and what comes after it is", async () => {
  const { terminal, type, states } = stage("ok", "lost", "forgotten");
  type("a");
  await passed();
  type("b");
  await passed();
  expect(states.at(-1)).toEqual({ unsent: 0, trouble: "lost" });
  type("c");
  await passed();

  expect(terminal.text).toBe("abc");
});

test("a large paste goes piece by piece and whole, one that is too large not at all", async () => {
  const { terminal, type, states } = stage();
  const text = "0123456789".repeat(20_000);
  type(text);
  await passed();
  expect(terminal.text).toBe(text);
  expect(terminal.sent).toEqual([1, 2, 3, 4]);

  type("x".repeat(4 * 1024 * 1024 + 1));
  await passed();
  expect(states.at(-1)).toEqual({ unsent: 0, trouble: "full" });
  expect(terminal.sent.length).toBe(4);
});

test("who may not type is told; where the terminal has ended, nothing more is sent", async () => {
  const denied = stage("forbidden");
  denied.type("a");
  await passed();
  expect(denied.states.at(-1)).toEqual({ unsent: 0, trouble: "denied" });

  const closed = stage("closed");
  closed.type("a");
  await passed();
  closed.type("b");
  await passed();
  expect(closed.terminal.sent).toEqual([1]);
});

test("one that is stopped sends nothing more", async () => {
  const { terminal, type, typist } = stage("cut");
  type("a");
  await vi.advanceTimersByTimeAsync(10);

  typist.stop();
  await passed();

  expect(terminal.sent).toEqual([1]);
});
