import { memo } from "react";
import { useApp } from "../../app";
import type { CommandSent, ContextItem } from "../../api/gen";
import { show } from "../../manage/dialog";
import { Markdown } from "../../parts/Markdown";
import { plain } from "../../state/ansi";
import type { SessionStore } from "../../state/store";
import type { Item } from "../../state/transcript";
import { visible } from "../../parts/visible";
import { Body } from "./Body";
import { copy } from "../../parts/copy";
import { Elapsed } from "./Elapsed";
import { Operations } from "./Operations";
import { Output } from "./Output";
import { useFold, usePlace } from "./place";
import { Tool } from "./Tool";
import { count, duration, plural, previewOf, size } from "./words";

export type ItemOf<K extends Item["kind"]> = Extract<Item, { kind: K }>;

/** One item of a transcript. */
export const Row = memo(function Row({ item, current }: { item: Item; current: boolean }) {
  const stderr = item.kind === "output" && item.stream === "stderr" ? " stderr" : "";
  const background = item.kind === "output" && !item.turnId ? " background" : "";
  return (
    <div
      className={`item ${item.kind}${stderr}${background}${current ? " current" : ""}`}
      data-seq={item.seq}
      aria-current={current || undefined}
    >
      {content(item)}
      {isSaid(item) && <Actions item={item} />}
    </div>
  );
});

/** Whether somebody said this: what the keys go from one to the next of, and what can be copied by itself. */
export const isSaid = (item: Item): item is ItemOf<"prompt" | "message"> =>
  item.kind === "prompt" || item.kind === "message";

export const textOf = (item: Item): string => {
  if (item.kind === "prompt") return previewOf(item.sent.command);
  return "text" in item ? visible(plain(item.text)) : "";
};

export function linkTo(sessionId: string, seq: number): string {
  return `${location.origin}/session/${sessionId}#${seq}`;
}

/** Ask for a fork that ends with a message, or before a prompt, which may then be said in another way. */
export function forkAt(store: SessionStore, item: Item): void {
  const session = store.state()?.session;
  if (!session) return;
  if (item.kind !== "prompt") {
    show({ kind: "fork", session, atSeq: store.lastOf(item.key) });
    return;
  }
  const { command, seq } = item.sent;
  show({ kind: "fork", session, atSeq: Math.max(1, seq - 1), ...(typeof command === "string" && { draft: command }) });
}

function Actions({ item }: { item: Item }) {
  const { store, writable } = usePlace();
  return (
    <div className="actions">
      <button className="button plain" tabIndex={-1} onClick={() => void copy(textOf(item), "Text")}>
        Copy
      </button>
      <button
        className="button plain"
        tabIndex={-1}
        onClick={() => void copy(linkTo(store.sessionId, item.seq), "Link")}
      >
        Link
      </button>
      {writable && (
        <button className="button plain" tabIndex={-1} onClick={() => forkAt(store, item)}>
          Fork
        </button>
      )}
    </div>
  );
}

function content(item: Item) {
  switch (item.kind) {
    case "prompt":
      return <Prompt item={item} />;
    case "message":
      return <Markdown text={item.text} open={item.open} />;
    case "thought":
      return <Thought item={item} />;
    case "output":
      return (
        <>
          {item.stream === "stderr" && <span className="hidden">stderr: </span>}
          <Output text={item.text} />
        </>
      );
    case "exit":
      return `${visible(plain(item.text))} exited with ${item.code ?? "no code"}`.trim();
    case "fold":
      return <Fold item={item} />;
    case "tool":
      return <Tool item={item} />;
    case "approval":
      return <Asked item={item} />;
    case "operations":
      return <Operations item={item} />;
    case "run":
      return (
        <>
          Ran <code>{visible(previewOf(item.run.command))}</code>
        </>
      );
    case "error":
      return (
        <>
          {visible(plain(item.text))}
          {item.recoverable && <span className="faint"> The session can go on.</span>}
        </>
      );
    case "note":
      return visible(item.text);
  }
}

function Prompt({ item }: { item: ItemOf<"prompt"> }) {
  const { shell } = usePlace();
  const { sent } = item;
  return (
    <>
      <div className="line">
        <Body body={sent.command}>{(text) => <div className={shell ? "said mono" : "said"}>{visible(text)}</div>}</Body>
        <span className="how faint">{how(item)}</span>
      </div>
      {sent.context && <Given context={sent.context} />}
    </>
  );
}

const DELIVERED: Record<CommandSent["delivery"], string> = { queue: "queued", steer: "next", reject: "queued" };

function how({ sent, startedAt, over, code }: ItemOf<"prompt">) {
  if (!over) return startedAt === undefined ? DELIVERED[sent.delivery] : <Elapsed since={startedAt} />;
  const { stopReason, usage, timestamp } = over;
  const tokens = usage?.totalTokens ?? (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0);
  return (
    <>
      {stopReason !== "end" && <span className="problem">{stopReason}</span>}
      {code !== undefined && code > 0 && <span className="problem">exit {code}</span>}
      {tokens > 0 && <span title={plural(tokens, "token")}>{count(tokens)} tokens</span>}
      {startedAt !== undefined && <span>{duration(timestamp - startedAt)}</span>}
    </>
  );
}

function Given({ context }: { context: ContextItem[] }) {
  return (
    <ul className="chips" aria-label="Given with it">
      {context.map((given, place) => (
        <li key={place} className="chip clip">
          {visible(given.path ?? given.name ?? "a file")}
          {given.bytes !== undefined && <span className="faint"> {size(given.bytes)}</span>}
        </li>
      ))}
    </ul>
  );
}

function Thought({ item }: { item: ItemOf<"thought"> }) {
  const [open, turn] = useFold(item.key, false);
  return (
    <>
      <button className="fold" aria-expanded={open} onClick={turn}>
        <span>{item.open ? "Thinks" : "Thought"}</span>
        {!open && <span className="clip first">{item.text.trimStart().split("\n", 1)[0]}</span>}
      </button>
      {open && <Markdown text={item.text} open={item.open} />}
    </>
  );
}

function Fold({ item }: { item: ItemOf<"fold"> }) {
  const { store } = usePlace();
  return (
    <button className="button" onClick={() => store.unfold(item.turnId)}>
      Show {size(item.characters)} more of this output
    </button>
  );
}

function Asked({ item: { request, outcome } }: { item: ItemOf<"approval"> }) {
  const { me } = useApp();
  const told = () => {
    if (!outcome) return <span className="waits">waits for an answer</span>;
    if (outcome.type === "approval-expired") return "nobody answered in time: not allowed";
    const name = request.options.find((option) => option.optionId === outcome.optionId)?.name ?? outcome.optionId;
    return `${outcome.approved ? "allowed" : "rejected"} (${name})${outcome.answeredBy === me.tokenId ? "" : `, by ${outcome.answeredBy}`}`;
  };
  const custom = outcome?.type === "approval-confirmed" ? outcome.customCommand : undefined;
  return (
    <>
      Asked: <code>{visible(previewOf(request.command))}</code> – {told()}
      {custom !== undefined && (
        <>
          {" "}
          as <code>{visible(custom)}</code>
        </>
      )}
    </>
  );
}
