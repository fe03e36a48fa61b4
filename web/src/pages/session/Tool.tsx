import { useMemo } from "react";
import { Link } from "wouter";
import type { LargeBody, ToolCall, ToolContent, ToolDiff } from "../../api/gen";
import { plain } from "../../state/ansi";
import type { Item } from "../../state/transcript";
import { visible } from "../../parts/visible";
import { Body, useWhole } from "./Body";
import { Elapsed } from "./Elapsed";
import { Output } from "./Output";
import { Patch } from "./Patch";
import { compare, tally } from "./patch";
import { useFold, usePlace } from "./place";
import { duration, within } from "./words";

const TAIL_LINES = 8;
const MOST_INPUT = 4000;

/** What an agent did by a tool: a line; while it runs the end of its output; the rest for who opens it. */
export function Tool({ item }: { item: Extract<Item, { kind: "tool" }> }) {
  const { call, output, at, endedAt, code, cut } = item;
  const hasDiff = call.content?.some((content) => content.type === "diff") ?? false;
  const [open, turn] = useFold(item.key, hasDiff || call.status === "failed");
  const directory = usePlace().store.state()?.session.workingDir;
  const over = call.status === "completed" || call.status === "failed";
  const status = call.status ?? "pending";
  const title = visible(plain(call.title ?? call.kind ?? "Tool"));
  return (
    <>
      <button className="fold" aria-expanded={open} onClick={turn}>
        <span className={`dot ${DOTS[status]}`} aria-hidden="true" />
        <span className="hidden">{status}:</span>
        <span className="clip">{title}</span>
        <span className="how faint">
          {code !== undefined && code > 0 && <span className="problem">exit {code}</span>}
          {status === "failed" && <span className="problem">failed</span>}
          {endedAt !== undefined ? duration(endedAt - at) : !over && <Elapsed since={at} />}
        </span>
      </button>
      {!open && !over && output && <Output text={lastLines(output)} label="The end of its output" />}
      {open && (
        <div className="opened">
          {!isAllPath(call.input) && <Input input={call.input} title={title} />}
          {call.locations && !hasDiff && (
            <p className="faint mono">
              {call.locations
                .map(({ path, line }) => visible(within(path, directory)) + (line === undefined ? "" : `:${line}`))
                .join(", ")}
            </p>
          )}
          {call.content?.map((content, place) => (
            <Content key={place} content={content} />
          ))}
          {cut && <p className="faint">Only the end of its output is shown; the export has all.</p>}
          {output && <Output text={output} label="Its output" />}
        </div>
      )}
    </>
  );
}

const DOTS: Record<NonNullable<ToolCall["status"]>, string> = {
  pending: "idle",
  running: "running",
  completed: "done",
  failed: "error",
};

const lastLines = (text: string) => text.trimEnd().split("\n").slice(-TAIL_LINES).join("\n");

function Input({ input, title }: { input: unknown; title: string }) {
  if (input === undefined || input === null) return null;
  if (isLarge(input)) return <Body body={input}>{(text) => <pre className="input-text">{visible(text)}</pre>}</Body>;
  const command = typeof input === "object" && "command" in input ? input.command : undefined;
  if (command === title) return null;
  const text = typeof command === "string" ? `$ ${command}` : JSON.stringify(input, null, 2);
  return <pre className="input-text">{visible(text.length > MOST_INPUT ? `${text.slice(0, MOST_INPUT)}…` : text)}</pre>;
}

const PATHS = ["path", "file_path", "filePath"]; // which `locations` and diffs say, too

const isAllPath = (input: unknown): boolean =>
  typeof input === "object" && input !== null && Object.keys(input).every((name) => PATHS.includes(name));

const isLarge = (value: unknown): value is LargeBody =>
  typeof value === "object" && value !== null && "blobId" in value && "preview" in value;

function Content({ content }: { content: ToolContent }) {
  switch (content.type) {
    case "text":
      return <Body body={content.text}>{(text) => <Output text={unfenced(text)} />}</Body>;
    case "diff":
      return <Diff diff={content} />;
    case "terminal":
      return (
        <p>
          <Link href={`/terminal/${content.terminalId}`}>Open its terminal</Link>
        </p>
      );
  }
}

// Agents wrap what a tool said into a fence.
const unfenced = (text: string) => /^```\w*\n([\s\S]*?)\n?```\s*$/.exec(text)?.[1] ?? text;

function Diff({ diff: { path: whole, oldText, newText } }: { diff: ToolDiff }) {
  const path = visible(within(whole, usePlace().store.state()?.session.workingDir));
  const before = useWhole(oldText ?? "").text;
  const after = useWhole(newText).text;
  const hunks = useMemo(
    () => (before === undefined || after === undefined ? undefined : compare(before, after)),
    [before, after],
  );
  if (!hunks) return <p className="faint">{path} …</p>;
  const { added, removed } = tally(hunks);
  return (
    <figure>
      <figcaption className="mono">
        {path} <span className="plus">+{added}</span> <span className="minus">−{removed}</span>
      </figcaption>
      <Patch hunks={hunks} label={`Changes of ${path}`} />
    </figure>
  );
}
