import { expect, test } from "vitest";
import { lineOf, upright, visible } from "./visible";

test.each([
  ["ls\u202e exe", "ls\\u{202e} exe"],
  ["a\u200bb\u00adc\u2060d\ufeff", "a\\u{200b}b\\u{ad}c\\u{2060}d\\u{feff}"],
  ["rm\u00a0x\u3000y", "rm\\u{a0}x\\u{3000}y"],
  ["\u{e0041}\u3164\u115f\u2800", "\\u{e0041}\\u{3164}\\u{115f}\\u{2800}"],
  ["\x1b[1m\r\x00\x9b", "\\u{1b}[1m\\u{d}\\u{0}\\u{9b}"],
  ["\u2028\u2029\u2066x\u2069", "\\u{2028}\\u{2029}\\u{2066}x\\u{2069}"],
  ["a\u200db\ufe0f", "a\\u{200d}b\\u{fe0f}"],
])("%j is told", (text, told) => {
  expect(visible(text)).toBe(told);
});

test.each(["a\tb\n", "👩‍🚀 ❤️ 👍🏽‍", "naïve Ελλάδα שלום مرحبا 漢字", ""])("%j is nothing hidden", (text) => {
  expect(visible(text)).toBe(text);
});

test("prose keeps its marks, not its overrides", () => {
  expect(upright("שלום\u200f \u2068x\u2069 \u202egnp.exe")).toBe("שלום\u200f \u2068x\u2069 \\u{202e}gnp.exe");
});

test("a name is one line", () => {
  expect(lineOf("one\n\t two\u202e")).toBe("one two\\u{202e}");
});
