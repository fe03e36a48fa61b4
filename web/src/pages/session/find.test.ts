import { expect, test } from "vitest";
import type { SessionEvent } from "../../api/gen";
import { joined, occurrences } from "./find";

const said = (seq: number, text: string) =>
  ({ type: "agent-message", messageId: "m", seq, text }) as unknown as SessionEvent;

test("what is cut into pieces is found where it begins, also over two pages", () => {
  const older = joined([said(1, "a Nee"), said(2, "dle, a ne")]);
  const newer = joined([said(3, "edle and needle")]);

  expect(occurrences("needle", newer, new Map())).toEqual([3]);
  expect(occurrences("needle", older, newer)).toEqual([1, 2]);
});
