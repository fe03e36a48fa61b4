import { type ChangeEvent, useRef, useState } from "react";
import type { View } from "./view";

const ARROWS = { "←": ["D", "Left"], "↓": ["B", "Down"], "↑": ["A", "Up"], "→": ["C", "Right"] } as const;
const SIGNS = ["|", "~", "/", "-"];

/** What Ctrl and Alt make of a character (ECMA-48: the control characters are 0x40 below the upper-case letters). */
export function modified(char: string, { ctrl, alt }: { ctrl: boolean; alt: boolean }): string {
  const code = char.toUpperCase().charCodeAt(0);
  const key = ctrl && code >= 0x40 && code < 0x60 ? String.fromCharCode(code - 0x40) : char;
  return alt ? `\x1b${key}` : key;
}

/** For touch screens: keys that they have not, and a field of its own to write in, since what a keyboard with
 *  suggestions puts into the terminal itself comes twice. */
export function KeyBar({ view }: { view: View }) {
  const [text, setText] = useState("");
  const [held, setHeld] = useState({ ctrl: false, alt: false });
  const field = useRef<HTMLInputElement>(null);
  const type = (char: string) => {
    view.key(modified(char, held));
    setHeld({ ctrl: false, alt: false });
  };
  const change = (event: ChangeEvent<HTMLInputElement>) => {
    const now = event.target.value;
    const added = now.length > text.length ? now.slice(text.length) : "";
    if ((held.ctrl || held.alt) && added) type(added[0]!);
    else setText(now);
  };
  const send = (end: string) => {
    view.key(text + end);
    setText("");
  };
  const hold = (key: "ctrl" | "alt") => {
    setHeld({ ...held, [key]: !held[key] });
    field.current!.focus();
  };
  return (
    <div className="keybar">
      <div className="row" role="toolbar" aria-label="Keys">
        <button className="button" onClick={() => type("\x1b")}>
          Esc
        </button>
        <button className="button" onClick={() => type("\t")}>
          Tab
        </button>
        <button className="button" aria-pressed={held.ctrl} onClick={() => hold("ctrl")}>
          Ctrl
        </button>
        <button className="button" aria-pressed={held.alt} onClick={() => hold("alt")}>
          Alt
        </button>
        {Object.entries(ARROWS).map(([sign, [final, name]]) => (
          <button key={sign} className="button" aria-label={name} onClick={() => view.arrow(final)}>
            {sign}
          </button>
        ))}
        {SIGNS.map((sign) => (
          <button key={sign} className="button" onClick={() => type(sign)}>
            {sign}
          </button>
        ))}
      </div>
      <form
        className="row"
        onSubmit={(event) => {
          event.preventDefault();
          send("\r");
        }}
      >
        <input
          ref={field}
          className="input mono"
          aria-label="Type into the terminal"
          placeholder="Type here"
          autoCapitalize="off"
          autoComplete="off"
          autoCorrect="off"
          spellCheck={false}
          enterKeyHint="send"
          value={text}
          onChange={change}
          onKeyDown={(event) => {
            if (event.key === "Backspace" && !text) view.key("\x7f");
          }}
        />
        <button type="button" className="button" disabled={!text} onClick={() => send("")}>
          Write
        </button>
        <button className="button primary">Enter</button>
      </form>
    </div>
  );
}
