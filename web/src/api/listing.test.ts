import { expect, test } from "vitest";
import type { Session } from "./gen";
import { changeOf, flattened, type Pages, updated, without } from "./listing";

const session = (sessionId: string, lastActivity: number, more: Partial<Session> = {}): Session => ({
  sessionId,
  mode: "shell",
  title: sessionId,
  workingDir: "/srv",
  status: "idle",
  createdAt: 0,
  lastActivity,
  cursor: "e.1",
  archived: false,
  ...more,
});
const list = (...pages: Session[][]): Pages => ({ pages: pages.map((sessions) => ({ sessions })), pageParams: [] });
const ids = (data: Pages, filter = {}) => flattened(data.pages, filter).map((each) => each.sessionId);

test("a session that becomes active goes to the top and stays there when the page that it left comes", () => {
  const now = new Map([["c", session("c", 9)]]);

  const data = updated(list([session("a", 5), session("b", 4)]), {}, now);
  data.pages.push({ sessions: [session("c", 3), session("d", 2)] });

  expect(ids(data)).toEqual(["c", "a", "b", "d"]);
});

test("a session leaves a list that it no longer belongs into, and enters the one that it does", () => {
  const now = new Map([["a", session("a", 9, { status: "waiting" })]]);

  expect(ids(updated(list([session("a", 5)]), { status: "idle" }, now), { status: "idle" })).toEqual([]);
  expect(ids(updated(list([]), { status: "waiting" }, now), { status: "waiting" })).toEqual(["a"]);
  expect(ids(updated(list([]), { q: "word" }, now), { q: "word" })).toEqual([]);
});

test("a search keeps the piece of text that it found", () => {
  const found = list([session("a", 5, { snippet: "the needle" })]);

  const data = updated(found, { q: "needle" }, new Map([["a", session("a", 9, { title: "New" })]]));

  expect(flattened(data.pages, { q: "needle" })[0]).toMatchObject({ title: "New", snippet: "the needle" });
});

test("equally active sessions stand in the server's order, and a deleted one in no list", () => {
  const data = list([session("b", 5), session("a", 5)], [session("c", 1)]);

  expect(ids(data)).toEqual(["b", "a", "c"]);
  expect(ids(without(data, new Set(["b"])))).toEqual(["a", "c"]);
});

test("an update changes what it names and clears what it nulls", () => {
  const base = { sessionId: "abcdefgh", seq: 2, timestamp: 7 };

  expect(changeOf({ ...base, type: "session-updated", title: "T" })).toEqual({ lastActivity: 7, title: "T" });
  expect(changeOf({ ...base, type: "session-updated", projectId: null })).toEqual({
    lastActivity: 7,
    projectId: undefined,
  });
  expect(changeOf({ ...base, type: "session-deleted" })).toBeUndefined();
});
