import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { VList, type VListHandle } from "virtua";
import { useView } from "../../app";
import { useCommand } from "../../keys";
import type { SessionStore } from "../../state/store";
import { Row } from "./Row";

const NEAR = 600; // px from an edge at which the next page is fetched
const AT_END = 24; // px from the end that still count as there

/** The items of a session, only those in sight in the page. Stays at the end until somebody scrolls up. */
export function Transcript({ store }: { store: SessionStore }) {
  const view = useView(store);
  const { items, version, atEnd, atStart, loading } = view;
  const list = useRef<VListHandle>(null);
  const first = useRef(items[0]?.key);
  const [following, setFollowing] = useState(true);
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
  const toEnd = () => {
    setFollowing(true);
    void store.jumpToEnd();
  };
  useCommand("session.end", toEnd);
  const onScroll = (offset: number) => {
    const { scrollSize, viewportSize } = list.current!;
    const rest = scrollSize - viewportSize - offset;
    if (rest < AT_END && atEnd) setFollowing(true);
    if (loading) return;
    if (offset < NEAR && !atStart) void store.loadBefore();
    else if (rest < NEAR && !atEnd) void store.loadAfter();
  };
  return (
    <div
      className="transcript"
      onWheel={(event) => {
        if (event.deltaY < 0) setFollowing(false);
      }}
      onTouchMove={() => setFollowing(false)}
      onKeyDown={(event) => {
        if (["PageUp", "ArrowUp", "Home"].includes(event.key)) setFollowing(false);
      }}
    >
      <VList
        ref={list}
        className="items"
        role="log"
        aria-label="What happened"
        tabIndex={0}
        shift={prepended}
        onScroll={onScroll}
        data={items}
      >
        {(item) => <Row key={item.key} item={item} />}
      </VList>
      {(!following || !atEnd) && (
        <button className="button latest" onClick={toEnd}>
          Jump to the latest
        </button>
      )}
    </div>
  );
}
