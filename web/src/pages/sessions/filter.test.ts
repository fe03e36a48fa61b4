import { expect, test } from "vitest";
import { changed, filterOf, isNarrowed, marked } from "./filter";

test("an address says what is shown, and nonsense in it is passed over", () => {
  expect(filterOf(new URLSearchParams("status=waiting&q=a+b&projectId=abcdefgh"))).toEqual({
    archived: "false",
    status: "waiting",
    q: "a b",
    projectId: "abcdefgh",
  });
  expect(filterOf(new URLSearchParams("status=nonsense&archived=1"))).toEqual({ archived: "false" });
});

test("an empty choice leaves the address", () => {
  expect(`${changed(new URLSearchParams("q=a&mode=shell"), "mode", "")}`).toBe("q=a");
});

test("an archive and a project alone narrow nothing", () => {
  expect(isNarrowed({ archived: "true", projectId: "abcdefgh" })).toBe(false);
  expect(isNarrowed({ q: "a" })).toBe(true);
});

test("words that were searched for are marked, whatever signs are in them", () => {
  expect(marked("Say a+b (twice)", "A+B twi")).toEqual(["Say ", "a+b", " (", "twi", "ce)"]);
  expect(marked("as it is", " ")).toEqual(["as it is"]);
});
