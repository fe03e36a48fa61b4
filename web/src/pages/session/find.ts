/** Searches one session's history, from its newest event backwards, page by page. */
import { ask } from "../../api/client";
import { getSessionHistory, type SessionEvent } from "../../api/gen";
import { plain } from "../../state/ansi";
import { previewOf } from "./words";

export interface Found {
  /** Of the events that hold it, ascending; an event may be there more than once. */
  seqs: number[];
  /** How much was looked through, 0 to 1. */
  share: number;
  over: boolean;
}

const TYPES = "command-sent,agent-message,agent-thought,session-output,tool-call,session-error,approval-request";
const PAGE_EVENTS = 1000;
export const MOST_FOUND = 1000;

/** Search until the beginning, until there are MOST_FOUND, or until told to stop; tell what was found so far. */
export async function search(sessionId: string, query: string, tell: (found: Found) => void, signal: AbortSignal) {
  const seqs: number[] = [];
  const pageBefore = (before?: number) => {
    const query = { types: TYPES, limit: PAGE_EVENTS, ...(before !== undefined && { before }) };
    return ask(getSessionHistory({ path: { sessionId }, query, signal }));
  };
  let head = 0;
  let newer = new Map<string, Piece[]>();
  let coming = pageBefore();
  for (;;) {
    const page = await coming;
    const before = page.nextBefore;
    if (before !== undefined) {
      coming = pageBefore(before); // comes while this one is looked through
      coming.catch(() => undefined); // told where it is waited for, if it still is
    }
    const pieces = joined(page.events);
    seqs.unshift(...occurrences(query, pieces, newer));
    newer = pieces;
    head ||= page.events.at(-1)?.seq ?? 1;
    const over = before === undefined || seqs.length >= MOST_FOUND;
    tell({ seqs: [...seqs], share: over ? 1 : 1 - before / head, over });
    if (over || signal.aborted) return;
  }
}

interface Piece {
  seq: number;
  text: string;
}

/** Return the texts of events, those together that are read as one. */
export function joined(events: SessionEvent[]): Map<string, Piece[]> {
  const texts = new Map<string, Piece[]>();
  for (const event of events) {
    for (const [name, text] of textsOf(event)) {
      const piece = { seq: event.seq, text };
      const known = texts.get(name);
      if (known) known.push(piece);
      else texts.set(name, [piece]);
    }
  }
  return texts;
}

function textsOf(event: SessionEvent): [string, string][] {
  switch (event.type) {
    case "command-sent":
    case "approval-request":
      return [[`${event.seq}`, previewOf(event.command)]];
    case "agent-message":
    case "agent-thought":
      return [[event.type + event.messageId, event.text]];
    case "session-output":
      return [[`${event.stream} ${event.turnId} ${event.toolCallId}`, plain(event.content)]];
    case "tool-call":
      return event.title === undefined ? [] : [[`${event.seq}`, event.title]];
    case "session-error":
      return [[`${event.seq}`, event.error]];
    default:
      return [];
  }
}

/** Return the seqs of the pieces in which the query begins. *newer* are the texts of the page after: they may end it. */
export function occurrences(query: string, texts: Map<string, Piece[]>, newer: Map<string, Piece[]>): number[] {
  const wanted = query.toLowerCase();
  const seqs: number[] = [];
  for (const [name, pieces] of texts) {
    const own = pieces.map(({ text }) => text).join("");
    const rest = (newer.get(name) ?? []).map(({ text }) => text).join("").slice(0, wanted.length - 1);
    const whole = (own + rest).toLowerCase();
    let piece = 0;
    let end = pieces[0]!.text.length;
    for (let at = whole.indexOf(wanted); at >= 0; at = whole.indexOf(wanted, at + wanted.length)) {
      while (at >= end && piece < pieces.length - 1) end += pieces[++piece]!.text.length;
      seqs.push(pieces[piece]!.seq);
    }
  }
  return seqs.sort((one, other) => one - other);
}
