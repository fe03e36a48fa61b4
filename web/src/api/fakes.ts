/** What units are given in place of a server and a browser: lines that are played by hand, locks and channels. */
/** A frame as it is on the wire. */
export const frame = (item: { type: string; [member: string]: unknown }, id: string): string =>
  `event: ${item.type}\nid: ${id}\ndata: ${JSON.stringify(item)}\n\n`;

export const connected = (id: string) => frame({ type: "connected", cursor: id, heartbeatSeconds: 15 }, id);
export const caughtUp = (id: string) => frame({ type: "caught-up", cursor: id }, id);
export const heartbeat = (id: string) => frame({ type: "heartbeat", cursor: id, timestamp: 0 }, id);

/** An event of a session at a position in the store. */
export const event = (sessionId: string, seq: number, position: number, type = "session-output") =>
  frame({ type, sessionId, seq, timestamp: 0 }, `store.${position}`);

/** One open stream, as the server sees it. */
export class Line {
  ended = false;
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  readonly body = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });

  constructor(
    readonly query: URLSearchParams,
    readonly cursor: string | null,
    signal: AbortSignal,
  ) {
    signal.addEventListener("abort", () => this.cut());
  }

  send(...frames: string[]): void {
    for (const text of frames) this.controller.enqueue(new TextEncoder().encode(text));
  }

  /** End it, cleanly or in the middle of a frame. */
  cut(): void {
    if (this.ended) return;
    this.ended = true;
    this.controller.error(new TypeError("network error"));
  }
}

/** Takes the place of `fetch`: each stream that is opened is a line, unless `status` refuses it. */
export class Origin {
  readonly lines: Line[] = [];
  status = 200;
  readonly fetch = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const request = input instanceof Request ? input : new Request(input, init);
    if (this.status !== 200) return Promise.resolve(new Response("{}", { status: this.status }));
    const line = new Line(new URL(request.url).searchParams, request.headers.get("Last-Event-ID"), request.signal);
    this.lines.push(line);
    return Promise.resolve(new Response(line.body, { headers: { "Content-Type": "text/event-stream" } }));
  };
  get open(): Line[] {
    return this.lines.filter((line) => !line.ended);
  }
}

/** Channels between the tabs of one browser. */
export class FakeChannel {
  static all: FakeChannel[] = [];
  onmessage: ((message: { data: unknown }) => void) | null = null;
  private closed = false;
  constructor(readonly name: string) {
    FakeChannel.all.push(this);
  }
  postMessage(data: unknown): void {
    if (this.closed) return;
    const sent = structuredClone(data);
    for (const other of FakeChannel.all) {
      if (other !== this && other.name === this.name)
        queueMicrotask(() => !other.closed && other.onmessage?.({ data: sent }));
    }
  }
  close(): void {
    this.closed = true;
  }
}

/** Locks of one browser: who has one, and who waits. */
export class FakeLocks {
  private holder: { leave: (why?: Error) => void } | undefined;
  private readonly waiting: (() => void)[] = [];

  request(_name: string, { steal, signal }: LockOptions, act: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const take = () => {
        if (signal?.aborted) {
          this.next();
          return;
        }
        const mine = (this.holder = {
          leave: (why?: Error) => {
            if (this.holder === mine) this.next();
            if (why) reject(why);
            else resolve();
          },
        });
        void act().then(() => mine.leave());
      };
      if (steal) {
        const robbed = this.holder;
        this.holder = undefined;
        take();
        robbed?.leave(new DOMException("stolen", "AbortError"));
      } else if (this.holder) this.waiting.push(take);
      else take();
    });
  }

  /** Give the lock to the next one: who had it was killed. */
  next(): void {
    this.holder = undefined;
    this.waiting.shift()?.();
  }
}

/** Let everything happen that needs no time of the clock, or so many milliseconds of it. */
export const settled = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
