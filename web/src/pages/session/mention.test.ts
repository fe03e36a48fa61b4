import { expect, test } from "vitest";
import { mentionAt } from "./mention";

test.each([
  ["look at @src/ma", { from: 8, to: 15, prefix: "src/ma" }],
  ["@", { from: 0, to: 1, prefix: "" }],
  ["(@a", { from: 1, to: 3, prefix: "a" }],
  ["me@example", undefined],
  ["@done ", undefined],
])("%s", (text, mention) => {
  expect(mentionAt(text, text.length)).toEqual(mention);
});
