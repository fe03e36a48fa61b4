import { useEffect, useRef } from "react";
import { useLocation } from "wouter";
import { WAITING, useSessions } from "../api/queries";
import { notify } from "../notify";
import { lineOf } from "../parts/visible";

/** Tells, by a notification of the browser, of each session that begins to wait for a human. */
export function Notify() {
  const { sessions: waiting, isSuccess } = useSessions(WAITING);
  const [, navigate] = useLocation();
  const told = useRef<Set<string>>(undefined);
  useEffect(() => {
    if (!isSuccess) return;
    const before = told.current;
    told.current = new Set(waiting.map((session) => session.sessionId));
    if (!before) return; // what waited before this page came is no news
    for (const { sessionId, title, workingDir } of waiting) {
      if (before.has(sessionId)) continue;
      notify(lineOf(title || workingDir), "Waits for your answer", sessionId, () => navigate(`/session/${sessionId}`));
    }
  }, [waiting, isSuccess, navigate]);
  return null;
}
