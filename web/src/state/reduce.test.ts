import { expect, test } from "vitest";
import folds from "../../../openapi/folds.json";
import type { SessionEvent, SessionState } from "../api/gen";
import { apply, begin } from "./reduce";

const EPOCH = "k7wq2mzr5tdn4xba";
const histories = folds as unknown as Record<string, { event: SessionEvent; state: SessionState }[]>;

test.each(Object.keys(histories))("folds %s as the server does", (name) => {
  let state: SessionState | undefined;
  for (const { event, state: expected } of histories[name]!) {
    state = state ? apply(state, event) : begin(event as Parameters<typeof begin>[0], EPOCH);
    expect(state, `after ${event.seq}, ${event.type}`).toEqual(expected);
  }
});

test("what an event does not change stays the same object", () => {
  const [first, ...rest] = histories["day"]!;
  const state = rest.slice(0, 5).reduce((so, { event }) => apply(so, event), first!.state);
  const output = rest.find(({ event }) => event.type === "session-output")!.event;
  const next = apply(state, output);
  for (const part of ["turn", "queue", "pendingApprovals", "plan", "openToolCalls", "plans"] as const) {
    expect(next[part]).toBe(state[part]);
  }
});
