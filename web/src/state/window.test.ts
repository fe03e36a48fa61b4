import { afterEach, beforeEach, expect, test, vi } from "vitest";
import folds from "../../../openapi/folds.json";
import type { SessionEvent, SessionState } from "../api/gen";
import type { SessionListener, Shared } from "../api/shared";
import { MOST_EVENTS, SessionStore } from "./store";

const STATE = (folds as unknown as Record<string, { state: SessionState }[]>)["day"]![0]!.state;
const said = (seq: number) =>
  ({ type: "agent-message", sessionId: "session_1", turnId: "turn_0001", messageId: `m${seq}`, seq, timestamp: seq, text: "." }) satisfies SessionEvent;
const events = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, place) => said(from + place));

/** A log of events 1 to `head`, and who listens. */
let head: number;
let asked: string[];
let listener: SessionListener | undefined;
let end: (() => void) | undefined;

beforeEach(() => {
  asked = [];
  vi.stubGlobal("fetch", (input: Request) => {
    const { pathname, search, searchParams: query } = new URL(input.url);
    asked.push(pathname.split("/").at(-1)! + search);
    if (pathname.endsWith("snapshot")) return Promise.resolve(Response.json({ cursor: `epoch_one.${head}`, state: STATE }));
    const limit = Number(query.get("limit"));
    const from = query.has("after") ? Number(query.get("after")) + 1 : undefined;
    const to = from === undefined ? Number(query.get("before") ?? head + 1) - 1 : Math.min(head, from + limit - 1);
    const page = events(from ?? Math.max(1, to - limit + 1), to);
    const nextAfter = to < head ? { nextAfter: to } : {};
    return Promise.resolve(
      Response.json({ epoch: "epoch_one", events: page, earliest: "epoch_one.0", cursor: `epoch_one.${head}`, ...nextAfter }),
    );
  });
});
afterEach(() => {
  end?.();
  vi.unstubAllGlobals();
});

const make = () =>
  new SessionStore("session_1", {
    follow: (_: string, to: SessionListener) => {
      listener = to;
      return () => (listener = undefined);
    },
  } as unknown as Shared);

async function opened(at: number): Promise<SessionStore> {
  head = at;
  const store = make();
  end = store.watch(() => undefined);
  await vi.waitFor(() => expect(store.view().ready).toBe(true), { interval: 2 });
  return store;
}

async function arrive(store: SessionStore, to: number): Promise<void> {
  const from = head + 1;
  head = to;
  listener!.onEvents(events(from, to));
  await vi.waitFor(() => expect(store.view().head).toBe(to), { interval: 2 });
}

test("while the end is looked at, what is oldest leaves a full window", async () => {
  const store = await opened(10);

  await arrive(store, MOST_EVENTS + 1);
  await arrive(store, MOST_EVENTS + 2);

  expect(store.placeOf(1)).toBeUndefined();
  expect(store.view()).toMatchObject({ atEnd: true, atStart: false });
  expect(store.view().items.at(-1)!.seq).toBe(MOST_EVENTS + 2);
  expect(store.view().items.length).toBeLessThan(MOST_EVENTS);
});

test("who reads above a full window keeps it, and events are counted until the end is looked at again", async () => {
  const store = await opened(10);
  await arrive(store, MOST_EVENTS);
  store.setFollowing(false);

  await arrive(store, MOST_EVENTS + 50);

  expect(store.placeOf(1)).toBe(0);
  expect(store.view()).toMatchObject({ atEnd: false, head: MOST_EVENTS + 50 });
  await store.jumpToEnd();
  expect(store.view().items.at(-1)!.seq).toBe(MOST_EVENTS + 50);
});

test("paging up through a long session ends at its first event, and drops the far end on the way", async () => {
  const store = await opened(MOST_EVENTS + 5_000);
  store.setFollowing(false);

  while (!store.view().atStart) await store.loadBefore();

  expect(store.view().items[0]!.seq).toBe(1);
  expect(store.view().items.length).toBeLessThanOrEqual(MOST_EVENTS);
  expect(store.view().atEnd).toBe(false);
});

test("what was asked for before anybody watched is not asked for twice", async () => {
  head = 10;
  const store = make();
  store.begin();
  end = store.watch(() => undefined);

  await vi.waitFor(() => expect(store.view().loading).toBe(false), { interval: 2 });

  expect(store.view().items).toHaveLength(10);
  expect(asked.toSorted()).toEqual([expect.stringMatching(/^history\?limit=\d+$/), "snapshot"]);
});
