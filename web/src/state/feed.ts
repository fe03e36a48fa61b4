/** One terminal's output in this tab: begins with what it shows, goes on with what is streamed for all tabs, and reads
 *  by itself what is missing in between. Every byte once and in order, or a new beginning. */
import { ApiProblem } from "../api/client";
import { streamTerminal, type TerminalSnapshot } from "../api/gen";
import type { Shared, TerminalItem } from "../api/shared";
import { fromBase64 } from "./base64";

/** What shows it. */
export interface Sink {
  /** Begin anew with this. */
  reset: (snapshot: TerminalSnapshot) => void;
  write: (bytes: Uint8Array) => void;
  /** What to wait for while it has more than it can soon show. */
  room: () => Promise<void> | undefined;
  resize: (cols: number, rows: number) => void;
  /** Everything was shown that there is for now. */
  caughtUp: () => void;
  closed: (exitCode: number | undefined) => void;
  gone: () => void;
  failed: (problem: ApiProblem) => void;
}

/** Reads from a cursor to the end of what there is, without one from what is shown. Throws ApiProblem. */
export type Read = (
  cursor: string | undefined,
  onItem: (item: TerminalItem, cursor: string) => void,
  room: () => Promise<void> | undefined,
  signal: AbortSignal,
) => Promise<void>;

const RETRY_MS = 2_000;
const MOST_ITEMS = 64; // of 48 KiB at most

export class Feed {
  private epoch = "";
  private position: number | undefined;
  /** What was streamed and is not shown; where it grew too long it was thrown away: `missed`. */
  private items: TerminalItem[] = [];
  private missed = false;
  private reading: AbortController | undefined;
  private retrying: ReturnType<typeof setTimeout> | undefined;
  private over = false;

  constructor(
    private readonly sink: Sink,
    private readonly read: Read,
  ) {}

  /** Read what there is; once begun, what was missed. */
  readonly begin = (): void => {
    clearTimeout(this.retrying);
    if (this.over || this.reading) return;
    const attempt = (this.reading = new AbortController());
    const { signal } = attempt;
    const cursor = this.position === undefined ? undefined : `${this.epoch}.${this.position}`;
    const take = (item: TerminalItem, after: string) => {
      if (!signal.aborted) this.takeRead(item, after);
    };
    const done = (error?: unknown) => {
      if (this.reading !== attempt) return;
      this.reading = undefined;
      if (error !== undefined) this.fail(error);
      else if (this.missed) this.begin();
      else {
        this.sink.caughtUp();
        this.work();
      }
    };
    this.missed = false;
    const room = () => this.sink.room();
    const read = async () => {
      await room();
      await this.read(cursor, take, room, signal);
    };
    read().then(() => done(), done);
  };

  /** Take frames of the stream, whatever they begin with. */
  take(items: TerminalItem[]): void {
    this.items.push(...items);
    this.work();
    if (this.items.length <= MOST_ITEMS) return;
    this.items = [];
    this.missed = true;
  }

  /** Take it that the line was another one: what is being read may never come. */
  rejoin(): void {
    if (!this.reading) return;
    this.reading.abort();
    this.reading = undefined;
    this.begin();
  }

  halt(): void {
    clearTimeout(this.retrying);
    this.reading?.abort();
    this.reading = undefined;
    this.items = [];
  }

  private work(): void {
    while (this.items.length > 0 && !this.reading && !this.over) {
      if (this.sink.room()) {
        this.begin(); // from here on as fast as it can be shown, and nobody else has to wait
        return;
      }
      const item = this.items.shift()!;
      if (item.type === "terminal-output") {
        if (!this.add(item.offset, item.data)) this.begin();
      } else if (item.type === "terminal-resized") this.sink.resize(item.cols, item.rows);
      else if (item.type === "terminal-snapshot") {
        if (item.offset !== this.position) this.begin();
      } else if (item.type === "stream-reset" && item.reason === "gone") this.end(this.sink.gone);
      else this.begin(); // it was closed or reset: what was missed is read, and how it ended
    }
  }

  private takeRead(item: TerminalItem, after: string): void {
    const [epoch, offset] = after.split(".");
    if (item.type === "terminal-snapshot") {
      this.epoch = epoch!;
      this.position = item.offset;
      this.sink.reset(item);
    } else if (item.type === "terminal-output") {
      this.epoch = epoch!;
      this.position ??= item.offset;
      this.add(item.offset, item.data);
    } else if (item.type === "terminal-resized") this.sink.resize(item.cols, item.rows);
    else if (item.type === "terminal-closed") {
      this.position = Number(offset);
      this.end(() => this.sink.closed(item.exitCode));
    }
  }

  /** Show output; tell whether it goes on where the last one ended. */
  private add(offset: number, data: string): boolean {
    if (this.position === undefined || offset > this.position) return false;
    const bytes = fromBase64(data);
    const end = offset + bytes.length;
    if (end > this.position) this.sink.write(bytes.subarray(this.position - offset));
    this.position = Math.max(this.position, end);
    return true;
  }

  private end(tell: () => void): void {
    this.over = true;
    this.items = [];
    tell();
  }

  private fail(error: unknown): void {
    if (!(error instanceof ApiProblem)) throw error;
    if (error.status === 404) this.end(this.sink.gone);
    else {
      this.sink.failed(error);
      if (!isFinal(error.status)) this.retrying = setTimeout(this.begin, RETRY_MS);
    }
  }
}

const isFinal = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429;

/** Return what reads a terminal of the server. */
export const reader =
  (terminalId: string): Read =>
  async (cursor, onItem, room, signal) => {
    const heard = { status: 0, complete: false };
    const listening: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init);
      heard.status = answer.status;
      return answer;
    };
    const { stream } = await streamTerminal({
      path: { terminalId },
      query: { follow: false, ...(cursor && { after: cursor }) },
      signal,
      fetch: listening,
      sseMaxRetryAttempts: 1,
      onSseEvent: ({ data, id }) => {
        const item = data as TerminalItem | { type: "connected" | "caught-up" | "heartbeat" | "stream-closing" };
        if (item.type === "caught-up" || item.type === "terminal-closed") heard.complete = true;
        if (item.type.startsWith("terminal-") || item.type === "stream-reset") onItem(item as TerminalItem, id ?? "");
      },
      onSseError: () => undefined,
    });
    const frames = stream[Symbol.asyncIterator]();
    while (!(await frames.next()).done) await room();
    if (heard.complete || heard.status === 204) return;
    throw new ApiProblem(heard.status < 400 ? 0 : heard.status, {}); // 200: the line broke
  };

/** Follow a terminal for as long as this tab is looked at; the answer ends it. */
export function follow(shared: Shared, terminalId: string, viewerId: string, feed: Feed, onJoined: () => void) {
  let leave: (() => void) | undefined;
  const look = () => {
    if (document.hidden) {
      leave?.();
      leave = undefined;
      feed.halt();
    } else if (!leave) {
      const rejoined = () => {
        feed.rejoin();
        onJoined();
      };
      leave = shared.followTerminal(terminalId, { viewerId, onItems: (items) => feed.take(items), onJoined: rejoined });
      feed.begin();
    }
  };
  look();
  document.addEventListener("visibilitychange", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    leave?.();
    feed.halt();
  };
}
