import { useRef, useState } from "react";
import { ask, once } from "../../api/client";
import { cancelTurn, submitPrompt } from "../../api/gen";
import { useSessionState } from "../../app";
import { isComposing, useCommand } from "../../keys";
import { toastError } from "../../parts/toast";
import type { SessionStore } from "../../state/store";

const COMPOSED_MS = 50; // after an IME's end: its Enter chose a word, it sends nothing

/** Where prompts are written. What was written stays until the server has it. */
export function Composer({ store }: { store: SessionStore }) {
  const path = { sessionId: store.sessionId };
  const draftKey = `towpath.draft.${store.sessionId}`;
  const [text, setText] = useState(() => localStorage.getItem(draftKey) ?? "");
  const [sending, setSending] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const composed = useRef(0);
  const turn = useSessionState(store, (state) => state.turn);
  const write = (next: string) => {
    setText(next);
    if (next) localStorage.setItem(draftKey, next);
    else localStorage.removeItem(draftKey);
  };
  const send = async () => {
    if (!text.trim() || sending) return;
    setSending(true);
    try {
      await ask(submitPrompt({ path, body: { command: text }, headers: once() }));
      write("");
    } catch (error) {
      toastError(error);
    }
    setSending(false);
    field.current?.focus();
  };
  const stop = () => void ask(cancelTurn({ path, body: {}, headers: once() })).catch(toastError);
  useCommand("session.stop", stop, Boolean(turn));
  useCommand("session.prompt", () => field.current?.focus());
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <textarea
        ref={field}
        className="input"
        rows={Math.min(10, text.split("\n").length)}
        aria-label="Prompt"
        placeholder="Prompt"
        autoFocus
        value={text}
        onChange={(event) => write(event.target.value)}
        onCompositionEnd={() => {
          composed.current = Date.now();
        }}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || event.shiftKey || isComposing(event.nativeEvent)) return;
          if (Date.now() - composed.current < COMPOSED_MS) return;
          event.preventDefault();
          void send();
        }}
      />
      {turn && (
        <button type="button" className="button" onClick={stop}>
          Stop
        </button>
      )}
      <button className="button primary" disabled={sending || !text.trim()}>
        Send
      </button>
    </form>
  );
}
