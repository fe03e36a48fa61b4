import { type RefObject, useEffect, useRef, useState } from "react";
import { messageOf } from "../../api/client";
import { useView } from "../../app";
import { isComposing } from "../../keys";
import { type Found, MOST_FOUND, search } from "./find";
import { usePlace } from "./place";

const TYPED_MS = 200;
const NOTHING: Found = { seqs: [], share: 0, over: true };

interface Props {
  /** Around the rows, in which what was found is marked. */
  box: RefObject<HTMLDivElement | null>;
  onFound: (seq: number) => Promise<void>;
  onClose: () => void;
}

/** Searches all of the session, what is not loaded too. The newest is found first; Enter goes to the one before it. */
export function Find({ box, onFound, onClose }: Props) {
  const { store } = usePlace();
  const [text, setText] = useState("");
  const [found, setFound] = useState(NOTHING);
  const [problem, setProblem] = useState("");
  const [back, setBack] = useState(0); // from the newest
  const field = useRef<HTMLInputElement>(null);
  const query = text.trim();
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    const abort = new AbortController();
    const timer = setTimeout(() => {
      setFound(NOTHING);
      setProblem("");
      setBack(0);
      if (!query) return;
      let shown = false;
      const tell = (now: Found) => {
        if (abort.signal.aborted) return;
        setFound(now);
        if (!shown && now.seqs.length > 0) void onFound(now.seqs.at(-1)!);
        shown ||= now.seqs.length > 0;
      };
      search(store.sessionId, query, tell, abort.signal).catch((error: unknown) => {
        if (!abort.signal.aborted) setProblem(messageOf(error));
      });
    }, TYPED_MS);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [store, query, onFound]);
  useMarks(box, query, useView(store).version + back);
  const many = found.seqs.length;
  const step = (by: number) => {
    if (many === 0) return;
    const next = (back + by + many) % many;
    setBack(next);
    void onFound(found.seqs[many - 1 - next]!);
  };
  const close = () => {
    onClose();
    box.current?.querySelector<HTMLElement>(".items")?.focus();
  };
  return (
    <form
      className="find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        step(1);
      }}
      onKeyDown={(event) => {
        if (isComposing(event.nativeEvent)) return;
        const by = { ArrowUp: 1, ArrowDown: -1 }[event.key] ?? (event.key === "Enter" && event.shiftKey ? -1 : 0);
        if (by) step(by);
        else if (event.key === "Escape") close();
        else return;
        event.preventDefault();
        event.stopPropagation();
      }}
    >
      <input
        ref={field}
        className="input"
        type="search"
        aria-label="Search in this session"
        placeholder="Search in this session"
        value={text}
        onChange={(event) => setText(event.target.value)}
      />
      <span className="count faint" role="status">
        {problem || (query && told(found, many - back))}
      </span>
      <button type="submit" className="button plain icon" aria-label="Previous" disabled={many === 0}>
        ↑
      </button>
      <button type="button" className="button plain icon" aria-label="Next" disabled={many === 0} onClick={() => step(-1)}>
        ↓
      </button>
      <button type="button" className="button plain icon" aria-label="Close the search" onClick={close}>
        ✕
      </button>
    </form>
  );
}

function told({ seqs, share, over }: Found, at: number): string {
  if (seqs.length === 0) return over ? (share === 1 ? "Nothing found" : "") : `${Math.floor(share * 100)} %`;
  const more = over ? (seqs.length >= MOST_FOUND ? "+" : "") : "…";
  return `${at} of ${seqs.length}${more}`;
}

/** Mark a text in the rows that are in the page, without touching them. */
function useMarks(box: RefObject<HTMLDivElement | null>, query: string, version: number): void {
  useEffect(() => {
    const rows = box.current?.querySelector(".items");
    if (!rows || !query || !("highlights" in CSS)) return;
    const mark = () => {
      const wanted = query.toLowerCase();
      const walker = document.createTreeWalker(rows, NodeFilter.SHOW_TEXT);
      const ranges: Range[] = [];
      while (walker.nextNode()) {
        const node = walker.currentNode as Text;
        const text = node.data.toLowerCase();
        for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
          const range = document.createRange();
          range.setStart(node, at);
          range.setEnd(node, Math.min(at + wanted.length, node.length));
          ranges.push(range);
        }
      }
      CSS.highlights.set("found", new Highlight(...ranges));
    };
    const frame = requestAnimationFrame(mark);
    rows.addEventListener("scrollend", mark);
    return () => {
      cancelAnimationFrame(frame);
      rows.removeEventListener("scrollend", mark);
      CSS.highlights.delete("found");
    };
  }, [box, query, version]);
}
