import { expect, test } from "vitest";
import { compare, parse, tally } from "./patch";

const PATCH = `diff --git a/greet.py b/greet.py
index 1..2 100644
--- a/greet.py
+++ b/greet.py
@@ -1,3 +1,3 @@ def greet
 one
--- two
+++ zwei
 three
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+hello
\\ No newline at end of file
`;

test("a line that looks like a header is told by its hunk's counts", () => {
  const files = parse(PATCH);

  expect(files.map((file) => file.path)).toEqual(["greet.py", "new.txt"]);
  expect(files[0]!.hunks[0]).toMatchObject({
    title: "def greet",
    lines: [
      { sign: " ", text: "one", before: 1, after: 1 },
      { sign: "-", text: "-- two", before: 2 },
      { sign: "+", text: "++ zwei", after: 2 },
      { sign: " ", text: "three", before: 3, after: 3 },
    ],
  });
  expect(tally(files[1]!.hunks)).toEqual({ added: 1, removed: 0 });
});

test("two texts are compared, and what is far from a change is left out", () => {
  const lines = Array.from({ length: 40 }, (_, index) => `line ${index}`);
  const changed = lines.map((line, index) => (index === 5 || index === 30 ? `${line}!` : line));

  const hunks = compare(lines.join("\n"), changed.join("\n"));

  expect(hunks).toHaveLength(2);
  expect(hunks[1]!.lines).toHaveLength(8);
  expect(hunks[1]!.lines[3]).toEqual({ sign: "-", text: "line 30", before: 31 });
  expect(compare("a\n", "a\n")).toEqual([]);
  expect(tally(compare("", "a\nb\n"))).toEqual({ added: 2, removed: 0 });
});
