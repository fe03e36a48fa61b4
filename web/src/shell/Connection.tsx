import { useEffect, useState } from "react";
import type { Connection as State } from "../api/stream";
import { useApp, useStatus } from "../app";

const WORDS: Record<State, [text: string, look: "" | "wait" | "off"]> = {
  connecting: ["connecting", "wait"],
  "catching-up": ["catching up", "wait"],
  live: ["live", ""],
  retrying: ["reconnecting", "wait"],
  offline: ["offline", "off"],
  denied: ["no access", "off"],
};

/** Whether what is on the screen is true: says when the next attempt is due, and makes it on a click. */
export function Connection() {
  const { shared } = useApp();
  const { connection, retryAt } = useStatus();
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!retryAt) return;
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [retryAt]);
  const [text, look] = WORDS[connection];
  const seconds = retryAt ? Math.ceil((retryAt - now) / 1000) : 0;
  return (
    <>
      <span className={`connection ${look}`} role="status">
        <span className="dot" aria-hidden="true" />
        {text}
        {seconds > 1 && <span className="count" aria-hidden="true">{` in ${seconds} s`}</span>}
      </span>
      {(connection === "retrying" || connection === "offline") && (
        <button className="button plain retry" aria-label="Retry now" title="Retry now" onClick={shared.hasten}>
          ↻<span className="wide">Retry now</span>
        </button>
      )}
    </>
  );
}
