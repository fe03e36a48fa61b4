/** One stream that resumes. The generated client alone ends on a clean close, never resets its back-off, retries a 401
 *  for ever and can't tell idle from dead; this keeps a cursor, listens to the heartbeat, and gives up when told to. */
import type { StreamItem } from "./gen";

export type Connection = "connecting" | "catching-up" | "live" | "retrying" | "offline" | "denied";

/** What the generated client's stream functions take of it. */
export interface StreamRequest {
  headers: { "Last-Event-ID"?: string };
  signal: AbortSignal;
  fetch: typeof fetch;
  sseMaxRetryAttempts: 1;
  onSseEvent: (frame: { data: unknown; id?: string; retry?: number }) => void;
  onSseError: () => void;
}

export interface StreamOptions {
  open: (request: StreamRequest) => Promise<{ stream: AsyncIterable<unknown> }>;
  /** Where to begin; without one: from now. */
  cursor?: string | undefined;
  /** Takes each frame, in order, with the cursor after it. */
  onItem: (item: StreamItem, cursor: string) => void;
  onState: (state: Connection, retryAt?: number) => void;
  signal: AbortSignal;
  /** Its event `now` ends a wait before the next attempt. */
  hurry: EventTarget;
}

/** The server says that this can't be streamed: it makes no sense to come again. */
export class StreamRefused extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`The stream was refused with ${status}.`);
    this.status = status;
  }
}

const SILENCE_MS = 45_000; // before `connected` tells the server's own heartbeat
const MISSED_BEATS = 3;
const LEAST_SILENCE_MS = 5_000;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

/** Stream until `signal` aborts. Throws StreamRefused. */
export async function resumable(options: StreamOptions): Promise<void> {
  const { signal, onItem, onState, hurry } = options;
  let cursor = options.cursor;
  let failures = 0;
  const over = () => signal.aborted; // a call, since the compiler takes a property for unchanged
  while (!over()) {
    const attempt = new AbortController();
    const stop = () => attempt.abort();
    signal.addEventListener("abort", stop);
    let silence = SILENCE_MS;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let toldWait: number | undefined;
    const refusal = { status: 0 };
    const listen = () => {
      clearTimeout(timer);
      timer = setTimeout(stop, silence);
    };
    onState(failures ? "retrying" : "connecting");
    const tapped: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (isFinal(response.status)) refusal.status = response.status;
      if (!response.ok || !response.body) return response;
      const tap = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          listen();
          controller.enqueue(chunk);
        },
      });
      return new Response(response.body.pipeThrough(tap), response);
    };
    const take: StreamRequest["onSseEvent"] = (frame) => {
      const item = frame.data as StreamItem;
      if (frame.id) cursor = frame.id;
      if (item.type === "connected") {
        silence = Math.max(LEAST_SILENCE_MS, item.heartbeatSeconds * MISSED_BEATS * 1000);
        onState("catching-up");
      } else if (item.type === "caught-up") {
        failures = 0;
        onState("live");
      } else if (item.type === "stream-closing") toldWait = frame.retry;
      onItem(item, cursor ?? "");
    };
    listen();
    try {
      const { stream } = await options.open({
        headers: cursor ? { "Last-Event-ID": cursor } : {},
        signal: attempt.signal,
        fetch: tapped,
        sseMaxRetryAttempts: 1,
        onSseEvent: take,
        onSseError: () => undefined,
      });
      const frames = stream[Symbol.asyncIterator]();
      while (!(await frames.next()).done); // each frame was taken above, with its id
    } catch {
      // a cut: what counts is what came until then
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      attempt.abort(); // or the body would stay open
    }
    if (over()) return;
    if (refusal.status) {
      onState("denied");
      throw new StreamRefused(refusal.status);
    }
    const wait = toldWait ?? Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures) * (0.5 + Math.random() / 2);
    failures++;
    onState(navigator.onLine ? "retrying" : "offline", Date.now() + wait);
    await pause(wait, hurry, signal);
  }
}

const isFinal = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429;

/** Wait, but not longer than until somebody looks, the network is back or `hurry` says so. */
async function pause(ms: number, hurry: EventTarget, signal: AbortSignal): Promise<void> {
  const over = new AbortController();
  await new Promise<void>((resolve) => {
    const done = () => resolve();
    const timer = setTimeout(done, ms);
    over.signal.addEventListener("abort", () => clearTimeout(timer));
    const until = { once: true, signal: over.signal };
    addEventListener("online", done, until);
    hurry.addEventListener("now", done, until);
    signal.addEventListener("abort", done, until);
    const onLook = () => {
      if (!document.hidden) done();
    };
    document.addEventListener("visibilitychange", onLook, { signal: over.signal });
  });
  over.abort();
}
