/** Agents' Markdown, made safe. What comes out can neither script nor load anything: no scripts, forms, frames, styles,
 *  images, and links only to where a click should lead. */
import DOMPurify from "dompurify";
import { marked } from "marked";
import { upright, visible } from "./visible";

const TAGS = (
  "a abbr b blockquote br code dd del details dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre q s samp small " +
  "span strong sub summary sup table tbody td tfoot th thead tr u ul var"
).split(" ");
const ATTRIBUTES = ["href", "title", "start", "align", "open", "class"];
const SAFE_LINK = /^(?:https?:|mailto:|#)/i;
const CLASS = /^(?:language-[\w+#.-]+|hljs-\w+(?: \w+_)*)$/;

// The one instance: the policy of the pages lets one make markup, not two.
DOMPurify.addHook("afterSanitizeAttributes", (element) => {
  const name = element.getAttribute("class") ?? "";
  if (!CLASS.test(name)) element.removeAttribute("class"); // or a text could dress up as a part of this page
  if (element.tagName !== "A") return;
  element.setAttribute("target", "_blank");
  element.setAttribute("title", element.getAttribute("href") ?? ""); // where it leads, whatever it says
  element.setAttribute("rel", "noopener noreferrer");
});

const MOST_CHARACTERS = 50_000;
// Of characters before the parser, summed over its steps: what is nested or ambiguous without end takes seconds, or the
// stack. A page of prose takes 10,000; 4 million take 0.2 s.
const MOST_WORK = 4_000_000;
let work = 0;

class TooMuch extends Error {}

/** Count a step; both are the first thing that the parser tries at each place, of a block and in a line. */
function spend(rest: string): undefined | false {
  work += rest.length;
  if (work > MOST_WORK) throw new TooMuch();
  return false;
}

marked.use({
  tokenizer: { space: spend, escape: spend },
  // A comment would be copied and not seen.
  renderer: { html: ({ text }) => (text.startsWith("<!--") ? text.replace(/&/g, "&amp;").replace(/</g, "&lt;") : text) },
});

/** Return a block of Markdown as elements; one that is too hard to read as Markdown, as it is. */
export function render(block: string): DocumentFragment {
  const content = sanitized(upright(block));
  for (const code of content.querySelectorAll("code")) code.textContent = visible(code.textContent);
  return content;
}

function sanitized(block: string): DocumentFragment {
  work = 0;
  let html: string;
  try {
    if (block.length > MOST_CHARACTERS) throw new TooMuch();
    html = marked.parse(block, { async: false, gfm: true });
  } catch (error) {
    if (!(error instanceof TooMuch)) throw error;
    const plain = document.createElement("pre");
    plain.append(document.createElement("code"));
    plain.firstElementChild!.textContent = block;
    const content = document.createDocumentFragment();
    content.append(plain);
    return content;
  }
  return DOMPurify.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: SAFE_LINK,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}

/** Return coloured code as elements: nothing but spans with a class. */
export const spans = (html: string): DocumentFragment =>
  DOMPurify.sanitize(html, { ALLOWED_TAGS: ["span"], ALLOWED_ATTR: ["class"], RETURN_DOM_FRAGMENT: true });

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
// A list's next item, perhaps not all here yet, or an indented line belongs to the block before.
const GOES_ON = /^(?:\s|[-*+](?:\s|$)|\d{1,9}(?:$|[.)](?:\s|$)))/;

/** Cut a text into blocks, such that all but the last stay the same when text is appended.
 *
 *  Streaming then renders one short block a step: 20 KB in 500 steps took 154 ms instead of 1256.
 */
export function blocks(text: string): string[] {
  const found: string[] = [];
  let block = "";
  let fence = "";
  let blank = false;
  for (const line of text.split(/(?<=\n)/)) {
    const mark = FENCE.exec(line)?.[1] ?? "";
    if (!fence && blank && line.trim() && !GOES_ON.test(line)) {
      found.push(block);
      block = "";
    }
    if (!fence) fence = mark;
    else if (mark.startsWith(fence) && line.trim() === mark) fence = "";
    blank = !line.trim();
    block += line;
  }
  return block ? [...found, block] : found;
}
