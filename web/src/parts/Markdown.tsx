import { memo, useLayoutEffect, useRef } from "react";
import { copy } from "./copy";
import { blocks, render } from "./sanitize";

/** Streamed Markdown. While `open`, more may come: what takes time, like colours in code, waits for the end. */
export const Markdown = memo(function Markdown({ text, open }: { text: string; open: boolean }) {
  return (
    <div className="markdown">
      {blocks(text).map((block, place, all) => (
        <Block key={place} text={block} open={open && place === all.length - 1} />
      ))}
    </div>
  );
});

const Block = memo(function Block({ text, open }: { text: string; open: boolean }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const content = render(text);
    const code = open ? [] : [...content.querySelectorAll<HTMLElement>("pre > code[class]")];
    if (!open) for (const pre of content.querySelectorAll("pre")) copyable(pre);
    place.current!.replaceChildren(content);
    if (code.length > 0) void import("./highlight").then(({ highlight }) => code.forEach(highlight));
  }, [text, open]);
  return <div ref={place} />;
});

/** Put a button to a piece of code that copies it. */
function copyable(pre: HTMLElement): void {
  const box = document.createElement("div");
  box.className = "block-code";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = "Copy";
  button.ariaLabel = "Copy the code";
  // without the end of its last line, at which a shell would run what is pasted before anybody read it
  button.addEventListener("click", () => void copy(pre.textContent.trimEnd(), "Code"));
  pre.replaceWith(box);
  box.append(pre, button);
}
