import { memo } from "react";
import type { Item } from "../../state/transcript";
import { Markdown } from "../../parts/Markdown";

/** One item of a transcript. */
export const Row = memo(function Row({ item }: { item: Item }) {
  return <div className={`item ${item.kind}`}>{content(item)}</div>;
});

function content(item: Item) {
  switch (item.kind) {
    case "prompt":
      return textOf(item.sent.command);
    case "message":
      return <Markdown text={item.text} open={item.open} />;
    case "thought":
      return (
        <details>
          <summary>Thought</summary>
          <Markdown text={item.text} open={item.open} />
        </details>
      );
    case "output":
      return <pre className={item.stream}>{stripped(item.text)}</pre>;
    case "exit":
      return `${stripped(item.text)}${item.code === undefined ? "" : ` exit ${item.code}`}`;
    case "tool":
      return (
        <>
          <b>{item.call.title ?? item.call.kind ?? "Tool"}</b> {item.call.status}
          {item.output && <pre>{stripped(item.output)}</pre>}
        </>
      );
    case "approval":
      return (
        <>
          Asks: <code>{textOf(item.request.command)}</code>{" "}
          {item.outcome && (item.outcome.type === "approval-expired" ? "expired" : item.outcome.optionId)}
        </>
      );
    case "operations":
      return `${item.operations.length} operations: ${item.state}${item.error ? `, ${item.error}` : ""}`;
    case "run":
      return `Runs ${textOf(item.run.command)}`;
    case "error":
    case "note":
      return item.text;
  }
}

const textOf = (text: string | { preview: string }) => (typeof text === "string" ? text : `${text.preview}…`);

// What a terminal would act on, a page must not show.
const ESCAPES = /\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]/g;
const stripped = (text: string) => text.replace(ESCAPES, "");
