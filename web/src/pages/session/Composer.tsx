import { type KeyboardEvent, useId, useLayoutEffect, useRef, useState } from "react";
import { ask, messageOf, once } from "../../api/client";
import { cancelTurn, type FileName, submitPrompt } from "../../api/gen";
import { useSessionState } from "../../app";
import { isComposing, useCommand } from "../../keys";
import { toastError } from "../../parts/toast";
import { visible } from "../../parts/visible";
import { type Attachment, useAttachments } from "./attachments";
import { type Mention, mentionAt, useCompletion } from "./mention";
import { usePlace } from "./place";
import { previewOf, size } from "./words";

const COMPOSED_MS = 50; // after an IME's end: its Enter chose a word, it sends nothing
const TOO_LITTLE = "(max-width: 760px) and (max-height: 480px)"; // a phone's keyboard is open

type Delivery = "queue" | "steer";

/** Where prompts are written. What was written stays until the server has it. */
export function Composer() {
  const { store, shell, writable } = usePlace();
  const path = { sessionId: store.sessionId };
  const draftKey = `towpath.draft.${store.sessionId}`;
  const [text, setText] = useState(() => localStorage.getItem(draftKey) ?? "");
  const [problem, setProblem] = useState("");
  const [past, setPast] = useState(0); // how many prompts back
  const [caret, setCaret] = useState(0);
  const [closed, setClosed] = useState(-1); // the place of the @ that nobody wants completed
  const [choice, setChoice] = useState(0);
  const [dropping, setDropping] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const composed = useRef(0);
  const sent = useRef(Promise.resolve()); // one after the other: the second never overtakes the first
  const intent = useRef<{ text: string; headers: ReturnType<typeof once> }>(undefined);
  const moveTo = useRef<number>(undefined);
  const id = useId();
  const turn = useSessionState(store, (state) => state.turn);
  const cwd = useSessionState(store, (state) => state.session.workingDir);
  const { attachments, name, upload, remove, clear, restore } = useAttachments();
  const mention = mentionAt(text, caret);
  const open = mention && mention.from !== closed ? mention : undefined;
  const files = useCompletion(cwd, open);
  const at = Math.min(choice, files.length - 1);
  const waits = attachments.some((one) => !one.given);
  const write = (next: string) => {
    setText(next);
    if (next) localStorage.setItem(draftKey, next);
    else localStorage.removeItem(draftKey);
  };
  useLayoutEffect(() => {
    if (moveTo.current === undefined) return;
    field.current?.setSelectionRange(moveTo.current, moveTo.current);
    moveTo.current = undefined;
  }, [text]);
  const send = async (delivery: Delivery) => {
    if (!text.trim() || waits || !writable) return;
    setProblem("");
    const context = attachments.flatMap((one) => one.given ?? []);
    const body = { command: text, delivery, ...(context.length > 0 && { context }) };
    const wanted = JSON.stringify(body);
    if (intent.current?.text !== wanted) intent.current = { text: wanted, headers: once() }; // or the same would be sent twice
    const { headers } = intent.current;
    setText(""); // the draft is kept until the server has it
    clear();
    setPast(0);
    field.current?.focus();
    const before = sent.current;
    sent.current = before.then(async () => {
      try {
        await ask(submitPrompt({ path, body, headers }));
        intent.current = undefined;
        if (localStorage.getItem(draftKey) === text) localStorage.removeItem(draftKey);
      } catch (error) {
        setProblem(messageOf(error));
        restore(attachments);
        const next = field.current?.value;
        write(next ? `${text}\n${next}` : text);
      }
    });
    await sent.current;
  };
  const stop = () => {
    if (document.querySelector(":popover-open")) return; // which Escape closes
    void ask(cancelTurn({ path, body: turn ? { turnId: turn.turnId } : {}, headers: once() })).catch(toastError);
  };
  const complete = (file: FileName, mention: Mention) => {
    const named = `@${file.path}${file.directory && !file.path.endsWith("/") ? "/" : ""}`;
    const end = file.directory ? named : `${named} `;
    moveTo.current = mention.from + end.length;
    setCaret(moveTo.current);
    write(text.slice(0, mention.from) + end + text.slice(mention.to));
    if (!file.directory) name(file.path);
    setChoice(0);
  };
  const recall = (back: number) => {
    const sent = store.view().items.flatMap((item) => (item.kind === "prompt" ? previewOf(item.sent.command) : []));
    const next = Math.max(0, Math.min(sent.length, back));
    if (next === past) return;
    setPast(next);
    const recalled = next ? sent[sent.length - next]! : "";
    moveTo.current = recalled.length;
    write(recalled);
  };
  useCommand("session.stop", stop, Boolean(turn) && writable);
  useCommand("session.prompt", () => field.current?.focus());
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (isComposing(event.nativeEvent) || event.timeStamp - composed.current < COMPOSED_MS) return;
    const { key, shiftKey } = event;
    const mod = event.ctrlKey || event.metaKey;
    if (open && files.length > 0 && !mod) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[key] ?? 0;
      if (step) setChoice((at + step + files.length) % files.length);
      else if (key === "Tab" || (key === "Enter" && !shiftKey)) complete(files[at]!, open);
      else if (key === "Escape") {
        setClosed(open.from);
        event.stopPropagation(); // or it would stop the turn
      } else return;
    } else if (key === "Enter" && !shiftKey) void send(mod && turn ? "steer" : "queue");
    else if (key === "ArrowUp" && (past > 0 || !text)) recall(past + 1);
    else if (key === "ArrowDown" && past > 0) recall(past - 1);
    else return;
    event.preventDefault();
  };
  return (
    <form
      className={dropping ? "composer dropping" : "composer"}
      onSubmit={(event) => {
        event.preventDefault();
        void send("queue");
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={() => setDropping(false)}
      onDrop={(event) => {
        event.preventDefault();
        setDropping(false);
        upload(event.dataTransfer.files);
      }}
    >
      {open && files.length > 0 && (
        <ul id={id} className="completion" role="listbox" aria-label="Files">
          {files.map((file, place) => (
            <li
              key={file.path}
              id={`${id}${place}`}
              role="option"
              aria-selected={place === at}
              className="clip mono"
              ref={(element) => {
                if (place === at) element?.scrollIntoView({ block: "nearest" });
              }}
              onMouseDown={(event) => {
                event.preventDefault(); // the field keeps the focus
                complete(file, open);
              }}
            >
              {visible(file.directory && !file.path.endsWith("/") ? `${file.path}/` : file.path)}
            </li>
          ))}
        </ul>
      )}
      {attachments.length > 0 && <Attached attachments={attachments} onRemove={remove} />}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <textarea
        ref={field}
        className={shell ? "input mono" : "input"}
        rows={Math.min(12, text.split("\n").length)}
        aria-label="Prompt"
        aria-controls={open && files.length > 0 ? id : undefined}
        aria-activedescendant={open && files.length > 0 ? `${id}${at}` : undefined}
        aria-autocomplete="list"
        placeholder={placeholder(shell, writable)}
        disabled={!writable}
        autoFocus={!matchMedia(TOO_LITTLE).matches}
        autoComplete="off"
        autoCapitalize={shell ? "off" : undefined}
        spellCheck={!shell}
        enterKeyHint="send"
        value={text}
        onChange={(event) => {
          write(event.target.value);
          setCaret(event.target.selectionStart);
          setPast(0);
          setChoice(0);
        }}
        onSelect={(event) => setCaret(event.currentTarget.selectionStart)}
        onPaste={(event) => {
          const { files } = event.clipboardData;
          if (files.length === 0) return;
          event.preventDefault();
          upload(files);
        }}
        onCompositionEnd={(event) => {
          composed.current = event.timeStamp;
        }}
        onKeyDown={onKeyDown}
      />
      <div className="send">
        <label className="button plain icon attach" title="Attach files">
          <span aria-hidden="true">+</span>
          <input
            type="file"
            multiple
            className="hidden"
            aria-label="Attach files"
            disabled={!writable}
            onChange={(event) => {
              upload(event.target.files ?? []);
              event.target.value = "";
            }}
          />
        </label>
        {turn && (
          <button type="button" className="button danger" disabled={!writable} onClick={stop} title="Stop the turn (Esc)">
            Stop
          </button>
        )}
        {turn && text.trim() && (
          <button
            type="button"
            className="button"
            title="Stop what runs and do this first (Ctrl Enter)"
            disabled={waits}
            onClick={() => void send("steer")}
          >
            Steer
          </button>
        )}
        <button className="button primary" disabled={waits || !text.trim() || !writable}>
          {turn ? "Queue" : shell ? "Run" : "Send"}
        </button>
      </div>
    </form>
  );
}

const placeholder = (shell: boolean, writable: boolean): string =>
  !writable ? "Your token may only read" : shell ? "Run a command" : "Say what to do; @ names a file";

function Attached({ attachments, onRemove }: { attachments: Attachment[]; onRemove: (id: string) => void }) {
  return (
    <ul className="chips" aria-label="Goes with it">
      {attachments.map(({ id, name, bytes, given, problem }) => (
        <li key={id} className="chip">
          <span className="clip">{visible(name)}</span>
          {bytes !== undefined && <span className="faint">{size(bytes)}</span>}
          {problem ? <span className="problem">{problem}</span> : !given && <span className="faint">uploading</span>}
          <button type="button" className="button plain icon" aria-label={`Remove ${name}`} onClick={() => onRemove(id)}>
            ✕
          </button>
        </li>
      ))}
    </ul>
  );
}
