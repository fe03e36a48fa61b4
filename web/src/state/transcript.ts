/** What the transcript shows: items made of events. Pieces join, tool calls are put together, output is cut into rows
 *  of a bounded size. An item is replaced when it changes, never altered: whoever kept the old one sees no change. */
import type {
  ApprovalConfirmed,
  ApprovalExpired,
  ApprovalRequest,
  CommandSent,
  Operation,
  OperationResult,
  RunStarted,
  SessionEvent,
  SessionOutput,
  ToolCall,
  TurnCompleted,
} from "../api/gen";
import { lookAfter } from "./ansi";

interface Base {
  /** Names the item for as long as it is there, whatever is loaded before or after it. */
  key: string;
  /** Of its first event that is loaded. */
  seq: number;
  at: number;
  turnId?: string | undefined;
}

export type Item = Base &
  (
    | {
        kind: "prompt";
        sent: CommandSent;
        startedAt?: number;
        over?: Pick<TurnCompleted, "stopReason" | "usage" | "timestamp">;
        code?: number | undefined;
      }
    | { kind: "message"; messageId: string; text: string; open: boolean }
    | { kind: "thought"; messageId: string; text: string; open: boolean }
    | { kind: "output"; stream: SessionOutput["stream"]; toolCallId?: string | undefined; text: string }
    | { kind: "exit"; code: number | undefined; text: string; toolCallId?: string | undefined }
    | { kind: "tool"; call: ToolCall; output: string; cut: boolean; code?: number | undefined; endedAt?: number }
    | { kind: "approval"; request: ApprovalRequest; outcome?: ApprovalConfirmed | ApprovalExpired }
    | {
        kind: "operations";
        planId: string | undefined;
        operations: Operation[];
        state: "proposed" | "executed" | "reverted" | "failed";
        results: OperationResult[];
        error?: string;
      }
    | { kind: "run"; run: RunStarted }
    | { kind: "fold"; rows: number; characters: number }
    | { kind: "error"; text: string; code: string; recoverable: boolean }
    | { kind: "note"; text: string }
  );

type Kind = Item["kind"];
type ItemOf<K extends Kind> = Extract<Item, { kind: K }>;

const ROW_CHARACTERS = 4096; // rows of output stay small, so that one screen lays out little
const SEQUENCE_CHARACTERS = 32;
const TOOL_CHARACTERS = 64 * 1024; // the tail of a tool's output; the whole is in the log
const SHORT = 3; // items of a turn in which the prompt, which says how it exited, is in sight at the end
const FOLD = { most: 24, head: 4, tail: 8 }; // rows: 100 KB of output are shown whole

export class Transcript {
  items: Item[] = [];
  private readonly places = new Map<string, number>();
  /** The item that each event went to. */
  private readonly shownBy = new Map<number, string>();
  private touched = "";
  private readonly queued = new Map<string, CommandSent>();

  /** Return the place of the item that shows an event, or would. */
  placeOf(seq: number): number | undefined {
    return this.places.get(this.shownBy.get(seq) ?? "");
  }

  /** Return the last event that an item shows, or that came before the next item. */
  lastOf(key: string): number | undefined {
    let last: number | undefined;
    for (const [seq, shown] of this.shownBy) if (shown === key) last = seq;
    return last;
  }

  /** Leave the middle of long outputs out, save those of the turns in *whole*. */
  fold(whole: ReadonlySet<string>): void {
    const items: Item[] = [];
    for (let from = 0; from < this.items.length; ) {
      const first = this.items[from]!;
      let to = from + 1;
      while (first.kind === "output" && isSameRun(first, this.items[to])) to++;
      const run = this.items.slice(from, to);
      const hidden = run.slice(FOLD.head, -FOLD.tail) as ItemOf<"output">[];
      from = to;
      if (run.length <= FOLD.most || whole.has(first.turnId ?? "")) items.push(...run);
      else {
        const { seq, at, turnId } = hidden[0]!;
        const characters = hidden.reduce((sum, { text }) => sum + text.length, 0);
        for (const { key } of hidden) this.places.set(key, items.length + FOLD.head);
        const fold: Item = { key: `f${seq}`, seq, at, turnId, kind: "fold", rows: hidden.length, characters };
        items.push(...run.slice(0, FOLD.head), fold, ...run.slice(-FOLD.tail));
      }
    }
    if (items.length === this.items.length) return;
    this.items = items;
    items.forEach((item, place) => this.places.set(item.key, place));
  }

  /** Take one event; tell whether anything changed. */
  add(event: SessionEvent): boolean {
    this.touched = "";
    const changed = this.take(event);
    this.shownBy.set(event.seq, this.touched || (this.items.at(-1)?.key ?? ""));
    return changed;
  }

  private take(event: SessionEvent): boolean {
    const base = { seq: event.seq, at: event.timestamp };
    switch (event.type) {
      case "command-sent":
        this.queued.set(event.turnId, event); // the queue stands elsewhere; here it is where its output will be
        return false;
      case "turn-started":
        this.prompt(event.turnId, event.seq);
        return this.change(`p${event.turnId}`, "prompt", (prompt) => ({ ...prompt, startedAt: event.timestamp }));
      case "turn-completed": {
        this.prompt(event.turnId, event.seq); // taken out of the queue
        this.close();
        const told = this.change(`p${event.turnId}`, "prompt", (prompt) => ({ ...prompt, over: event }));
        if (event.stopReason !== "end") {
          this.put({ ...base, key: `e${event.seq}`, turnId: event.turnId, kind: "note", text: STOPPED[event.stopReason] });
        }
        return told || event.stopReason !== "end";
      }
      case "agent-message":
      case "agent-thought":
        this.say(event);
        return true;
      case "session-output":
        return this.output(event);
      case "tool-call": {
        const key = `t${event.toolCallId}`;
        const over = event.status === "completed" || event.status === "failed" ? { endedAt: event.timestamp } : {};
        const known = this.change(key, "tool", (tool) => ({ ...tool, call: { ...tool.call, ...event }, ...over }));
        if (!known) {
          this.put({ ...base, key, turnId: event.turnId, kind: "tool", call: event, output: "", cut: false, ...over });
        }
        return true;
      }
      case "approval-request":
        this.put({ ...base, key: `a${event.approvalId}`, turnId: event.turnId, kind: "approval", request: event });
        return true;
      case "approval-confirmed":
      case "approval-expired":
        return this.change(`a${event.approvalId}`, "approval", (asked) => ({ ...asked, outcome: event }));
      case "operations-detected": {
        const key = `o${event.planId}`;
        const more = this.change(key, "operations", (plan) => ({
          ...plan,
          operations: [...plan.operations, ...event.operations],
        }));
        const { planId, operations, turnId } = event;
        if (!more) {
          this.put({ ...base, key, turnId, kind: "operations", planId, operations, state: "proposed", results: [] });
        }
        return true;
      }
      case "operations-executed":
      case "operations-reverted": {
        const state = event.type === "operations-executed" ? "executed" : "reverted";
        return this.change(`o${event.planId}`, "operations", (plan) => ({ ...plan, state, results: event.results }));
      }
      case "operations-error": {
        const { planId, operations, error } = event;
        const key = planId === undefined ? `e${event.seq}` : `o${planId}`;
        const known = this.change(key, "operations", (plan) => ({
          ...plan,
          state: plan.state === "proposed" ? "failed" : plan.state,
          error,
        }));
        if (!known) this.put({ ...base, key, kind: "operations", planId, operations, state: "failed", results: [], error });
        return true;
      }
      case "run-started":
        this.put({ ...base, key: `e${event.seq}`, turnId: event.turnId, kind: "run", run: event });
        return true;
      case "session-error": {
        const { error, code, recoverable } = event;
        this.put({ ...base, key: `e${event.seq}`, kind: "error", text: error, code, recoverable });
        return true;
      }
      case "session-created":
        if (event.origin) {
          const text = event.origin.kind === "fork" ? "Forked from another session" : "Made with another one's settings";
          this.put({ ...base, key: `e${event.seq}`, kind: "note", text });
        }
        return event.origin !== undefined;
      case "session-updated":
        if (event.workingDir === undefined) return false;
        this.put({ ...base, key: `e${event.seq}`, kind: "note", text: `Moved to ${event.workingDir}` });
        return true;
      case "session-status":
        if (event.status !== "interrupted") return false;
        this.put({ ...base, key: `e${event.seq}`, kind: "note", text: event.reason ?? "Interrupted" });
        return true;
      default: // plans, usage and status stand elsewhere on the page
        return false;
    }
  }

  /** Put an item of this kind in place of the one with this key; tell whether there was one. */
  private change<K extends Kind>(key: string, kind: K, to: (item: ItemOf<K>) => ItemOf<K>): boolean {
    const place = this.places.get(key);
    const item = place === undefined ? undefined : this.items[place];
    if (place === undefined || item?.kind !== kind) return false;
    this.items[place] = to(item as ItemOf<K>);
    this.touched = key;
    return true;
  }

  private put(item: Item): void {
    this.touched = item.key;
    const last = this.items.at(-1);
    if (last?.kind === "thought" && last.open) this.items[this.items.length - 1] = { ...last, open: false };
    this.places.set(item.key, this.items.length);
    this.items.push(item);
  }

  private say(event: Extract<SessionEvent, { type: "agent-message" | "agent-thought" }>): void {
    const kind = event.type === "agent-message" ? "message" : "thought";
    const { messageId, turnId, text } = event;
    const key = `${kind === "message" ? "m" : "h"}${messageId}`; // a thought may have the id of the message that it led to
    if (this.change(key, kind, (said) => ({ ...said, text: said.text + text }))) return;
    this.put({ key, seq: event.seq, at: event.timestamp, turnId, kind, messageId, text, open: true });
  }

  private prompt(turnId: string, seq: number): void {
    const sent = this.queued.get(turnId);
    this.queued.delete(turnId);
    if (sent) this.put({ key: `p${turnId}`, seq, at: sent.timestamp, turnId, kind: "prompt", sent });
  }

  private output(event: SessionOutput & { seq: number }): boolean {
    const { seq, timestamp: at, turnId, toolCallId, stream, content } = event;
    if (stream === "ready") return false;
    if (stream === "exit") {
      const code = event.exitCode;
      if (toolCallId !== undefined && this.change(`t${toolCallId}`, "tool", (tool) => ({ ...tool, code }))) return true;
      const told = this.change(`p${turnId}`, "prompt", (prompt) => ({ ...prompt, code }));
      const short = told && this.items.length - this.places.get(`p${turnId}`)! < SHORT;
      if (!content && (!code || short)) return told;
      this.put({ key: `e${seq}`, seq, at, turnId, toolCallId, kind: "exit", code, text: content });
      return true;
    }
    const joined =
      toolCallId !== undefined &&
      this.change(`t${toolCallId}`, "tool", (tool) => {
        const output = tool.output + content;
        return { ...tool, output: output.slice(-TOOL_CHARACTERS), cut: tool.cut || output.length > TOOL_CHARACTERS };
      });
    if (joined) return true;
    const run = { kind: "output", turnId, toolCallId } as const;
    const last = this.items.at(-1);
    const goesOn = last?.kind === "output" && last.stream === stream && isSameRun(last, run);
    if (goesOn) this.places.delete(this.items.pop()!.key);
    const row = goesOn ? last : { ...run, key: `e${seq}`, seq, at, stream };
    let text = goesOn ? last.text + content : content;
    for (let part = 0; text; part++) {
      const rest = text.length > ROW_CHARACTERS ? text.slice(wholeLines(text)) : "";
      const shown = rest ? text.slice(0, -rest.length) : text;
      this.put({ ...row, text: shown, ...(part > 0 && { key: `e${seq}.${part}`, seq, at }) });
      text = rest && lookAfter(shown) + rest;
    }
    return true;
  }

  /** No more pieces come to what was said in this turn: what waits for the whole, like colours in code, may be done. */
  private close(): void {
    for (let place = this.items.length - 1; place >= 0; place--) {
      const item = this.items[place]!;
      if (item.kind === "prompt") return;
      if ((item.kind === "message" || item.kind === "thought") && item.open) this.items[place] = { ...item, open: false };
    }
  }
}

type Run = Pick<ItemOf<"output">, "kind" | "turnId" | "toolCallId">;

/** Return how much of a text is a row of its own: lines, or what there is room for of one that is too long. */
function wholeLines(text: string): number {
  const lines = text.lastIndexOf("\n", ROW_CHARACTERS - 1) + 1;
  const sequence = text.lastIndexOf("\x1b", ROW_CHARACTERS); // is not torn
  return lines || (sequence > ROW_CHARACTERS - SEQUENCE_CHARACTERS ? sequence : ROW_CHARACTERS);
}

const isSameRun = (one: Run, other: Run | Item | undefined): boolean =>
  other?.kind === "output" && one.turnId === other.turnId && one.toolCallId === other.toolCallId;

const STOPPED: Record<Exclude<TurnCompleted["stopReason"], "end">, string> = {
  cancelled: "Stopped",
  refused: "The agent refused",
  limit: "The agent reached a limit",
  error: "Failed",
  interrupted: "Interrupted",
};
