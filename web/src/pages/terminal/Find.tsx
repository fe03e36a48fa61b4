import { useEffect, useRef, useState } from "react";
import { isComposing } from "../../keys";
import type { State, View } from "./view";

/** Searches what the terminal shows and what scrolled off: Enter goes up, Shift+Enter down. */
export function Find({ view, found, onClose }: { view: View; found: State["found"]; onClose: () => void }) {
  const [text, setText] = useState("");
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    field.current!.focus();
    return () => view.find("");
  }, [view]);
  const count = found && found.of > 0 ? `${found.at} of ${found.of}` : "none";
  return (
    <form
      className="row find"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        view.find(text, true);
      }}
    >
      <input
        ref={field}
        className="input"
        aria-label="Search in this terminal"
        placeholder="Search"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          view.find(event.target.value);
        }}
        onKeyDown={(event) => {
          if (isComposing(event.nativeEvent)) return;
          if (event.key === "Escape") onClose();
          else if (event.key === "Enter" && event.shiftKey) {
            event.preventDefault();
            view.find(text);
          }
        }}
      />
      <span className="faint count" role="status">
        {text && count}
      </span>
      <button className="button plain icon" aria-label="Previous">
        ↑
      </button>
      <button type="button" className="button plain icon" aria-label="Next" onClick={() => view.find(text)}>
        ↓
      </button>
      <button type="button" className="button plain icon" aria-label="End the search" onClick={onClose}>
        ✕
      </button>
    </form>
  );
}
