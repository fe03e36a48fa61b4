import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { VList, type VListHandle } from "virtua";
import { useView } from "../../app";
import { spelled, COMMANDS, useCommand } from "../../keys";
import { Find } from "./Find";
import { copy } from "../../parts/copy";
import { usePlace } from "./place";
import { forkAt, isSaid, linkTo, Row, textOf } from "./Row";

const NEAR = 600; // px from an edge at which the next page is fetched
const AT_END = 24; // px from the end that still count as there
const LEAVING_MS = 300; // for which being at the end does not mean to stay: the wheel's own scrolling comes later
const NEWEST = [1, 2, 3, 4]; // rows, from the end; more seldom come at once
const UPWARDS = ["PageUp", "ArrowUp"];

/** The items of a session, only those in sight in the page. Stays at the end until somebody scrolls up. */
export function Transcript() {
  const { store, writable } = usePlace();
  const view = useView(store);
  const { items, version, atEnd, atStart, loading, head } = view;
  const list = useRef<VListHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const leaving = useRef<ReturnType<typeof setTimeout>>(undefined);
  const first = useRef(items[0]?.key);
  const going = useRef(false); // to an event: where the list stands until then is no reason to load what is near
  const jumps = useRef(0); // to either end: only the last one scrolls
  const [linked] = useState(() => Number(location.hash.slice(1)) || undefined);
  const [following, setFollowing] = useState(linked === undefined);
  const [current, setCurrent] = useState<string>();
  const [finding, setFinding] = useState(false);
  const [left, setLeft] = useState(head); // the newest event when the end was left
  /* eslint-disable react-hooks/refs -- virtua wants to know in the very render that brings items before those in sight,
     so that they do not move */
  const prepended = first.current !== items[0]?.key;
  useEffect(() => {
    first.current = items[0]?.key;
  });
  useEffect(() => {
    store.setFollowing(following && atEnd);
  }, [store, following, atEnd]);
  useLayoutEffect(() => {
    if (following && items.length > 0) list.current?.scrollToIndex(items.length - 1, { align: "end" });
  }, [following, version, items]);
  useEffect(() => {
    // What comes above the prompt box takes room from the rows: their end stays in sight.
    const sizes = new ResizeObserver(() => {
      if (following) list.current?.scrollToIndex(store.view().items.length - 1, { align: "end" });
    });
    sizes.observe(box.current!);
    return () => sizes.disconnect();
  }, [store, following]);
  const follow = (so: boolean) => {
    if (!so && following) setLeft(store.view().head);
    clearTimeout(leaving.current);
    leaving.current = so ? undefined : setTimeout(() => (leaving.current = undefined), LEAVING_MS);
    setFollowing(so);
  };
  const toEnd = () => {
    jumps.current++;
    follow(true);
    setCurrent(undefined);
    void store.jumpToEnd();
  };
  const toStart = async () => {
    const jump = ++jumps.current;
    follow(false);
    going.current = true;
    await store.jumpTo(1);
    going.current = false;
    if (jump === jumps.current) list.current?.scrollTo(0);
  };
  /** Bring what shows an event into sight, and mark it. */
  const toEvent = useCallback(
    async (seq: number) => {
      setFollowing(false);
      going.current = true;
      await store.jumpTo(seq);
      going.current = false;
      const place = store.placeOf(seq);
      if (place === undefined) return;
      setCurrent(store.view().items[place]?.key);
      list.current?.scrollToIndex(place, { align: "center" });
    },
    [store],
  );
  useEffect(() => {
    const follow = () => {
      const seq = Number(location.hash.slice(1));
      if (seq) void toEvent(seq);
    };
    follow();
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, [toEvent]);
  const step = (by: 1 | -1) => {
    const at = items.findIndex((item) => item.key === current);
    const { scrollOffset: top, viewportSize } = list.current!;
    const sight = by > 0 ? list.current!.findItemIndex(top) - 1 : list.current!.findItemIndex(top + viewportSize) + 1;
    let place = at < 0 ? sight : at;
    do place += by;
    while (items[place] && !isSaid(items[place]!));
    if (!items[place]) return;
    follow(false);
    setCurrent(items[place]!.key);
    list.current?.scrollToIndex(place, { align: "nearest" });
  };
  const chosen = () => items.find((item) => item.key === current) ?? items.findLast((item) => item.kind === "message");
  useCommand("session.end", toEnd);
  useCommand("session.find", () => setFinding(true));
  useCommand("session.next", () => step(1));
  useCommand("session.previous", () => step(-1));
  useCommand("session.copy", () => {
    const item = chosen();
    if (item) void copy(textOf(item), "Text");
  });
  useCommand(
    "session.branch",
    () => {
      const item = chosen();
      if (item) forkAt(store, item);
    },
    writable,
  );
  useCommand("session.link", () => {
    const item = chosen() ?? items.at(-1);
    if (item) void copy(linkTo(store.sessionId, item.seq), "Link");
  });
  const onScroll = (offset: number) => {
    const { scrollSize, viewportSize } = list.current!;
    const rest = scrollSize - viewportSize - offset;
    if (rest < AT_END && atEnd && leaving.current === undefined) setFollowing(true);
    if (loading || going.current) return;
    if (offset < NEAR && !atStart) void store.loadBefore();
    else if (rest < NEAR && !atEnd) void store.loadAfter();
  };
  useEffect(() => {
    // Whoever came to the top while a page was on its way scrolls no more.
    if (loading || atStart || following || going.current || !list.current) return;
    if (list.current.scrollOffset < NEAR) void store.loadBefore();
  }, [store, loading, atStart, following]);
  const missed = following ? 0 : Math.max(0, head - left);
  return (
    <div
      ref={box}
      className="transcript"
      onWheel={(event) => {
        if (event.deltaY < 0) follow(false);
      }}
      onTouchMove={() => follow(false)}
      onPointerDown={(event) => {
        const element = event.target as HTMLElement;
        if (element.classList.contains("items") && event.nativeEvent.offsetX > element.clientWidth) follow(false); // its scrollbar
      }}
      onKeyDown={(event) => {
        if ((event.target as HTMLElement).closest(".find")) return;
        if (UPWARDS.includes(event.key)) follow(false);
        // Of all, not of what is loaded; and not by the browser, which would scroll when it suits it.
        if (event.key === "Home") void toStart();
        else if (event.key === "End") toEnd();
        else return;
        event.preventDefault();
      }}
    >
      {finding && <Find box={box} onFound={toEvent} onClose={() => setFinding(false)} />}
      <VList
        ref={list}
        className="items"
        role="log"
        aria-label="What happened"
        tabIndex={0}
        shift={prepended}
        {...(following && { keepMounted: NEWEST.map((back) => items.length - back).filter((place) => place >= 0) })}
        onScroll={onScroll}
        data={items}
      >
        {(item) => <Row key={item.key} item={item} current={item.key === current} />}
      </VList>
      {items.length === 0 && <p className="empty first">Nothing happened here yet.</p>}
      {(!following || !atEnd) && (
        <button className="button latest" onClick={toEnd} title={spelled(COMMANDS["session.end"].keys).join(" ")}>
          Jump to latest{missed > 0 && <span className="count">{missed > 999 ? "999+" : missed} new</span>}
        </button>
      )}
    </div>
  );
}
