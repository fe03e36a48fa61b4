// What it lets through is tested in a real browser (tests/web/test_markdown.py): DOMPurify is not safe in happy-dom.
import { expect, test } from "vitest";
import { blocks } from "./sanitize";

const TEXT = "# A\n\nOne\nline\n\n- a\n\n- b\n\n  c\n\n```js\nx\n\ny\n```\n\n~~~\n```\n\n~~~\nEnd";

test("blocks join to the text, and all but the last stay when text is appended", () => {
  expect(blocks(TEXT).join("")).toBe(TEXT);
  for (let length = 1; length < TEXT.length; length++) {
    const before = blocks(TEXT.slice(0, length)).slice(0, -1);
    expect(blocks(TEXT).slice(0, before.length)).toEqual(before);
  }
});
