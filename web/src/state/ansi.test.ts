import { expect, test } from "vitest";
import { lookAfter, plain, spans } from "./ansi";

test("colours become looks, and end where they end", () => {
  expect(spans("a\x1b[1;31mb\x1b[0mc\x1b[38;5;196md\x1b[39me")).toEqual([
    { text: "a", look: "", colour: undefined },
    { text: "b", look: "fg-1 bold", colour: undefined },
    { text: "c", look: "", colour: undefined },
    { text: "d", look: "", colour: "rgb(255 0 0)" },
    { text: "e", look: "", colour: undefined },
  ]);
});

test.each([
  ["a title", "\x1b]0;title\x07x"],
  ["a link", "\x1b]8;;javascript:alert(1)\x1b\\x\x1b]8;;\x1b\\"],
  ["the clipboard", "\x1b]52;c;aGVsbG8=\x07x"],
  ["a query", "\x1b[c\x1b[?1049h\x1b[>0;1mx"],
  ["a device's string", "\x1bP+q544e\x1b\\x"],
  ["half a sequence", "x\x1b[3"],
  ["a bell and C1", "\x07\x9bx\x00"],
])("%s leaves nothing", (_, text) => {
  expect(plain(text)).toBe("x");
});

test("what a line is overwritten with is what is read", () => {
  expect(plain("10%\r50%\r100%\r\nok\r\n")).toBe("100%\nok\n");
  expect(plain("100%\r")).toBe("100%");
});

test("a row that goes on has the look that the one before ended with", () => {
  expect(lookAfter("\x1b[31ma\x1b[0mb\x1b[1mc\x1b[32md")).toBe("\x1b[1m\x1b[32m");
  expect(lookAfter("\x1b[31ma\x1b[m")).toBe("");
});
