/** Unified diffs: parsed, and made of two texts where the server made none. */

export interface Line {
  sign: " " | "+" | "-";
  text: string;
  before?: number;
  after?: number;
}

export interface Hunk {
  title: string;
  lines: Line[];
}

export interface FilePatch {
  path: string;
  hunks: Hunk[];
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)/;

/** Return the files of a unified diff, as git writes it. Lines are told by the counts of their hunk, not by their looks. */
export function parse(patch: string): FilePatch[] {
  const files: FilePatch[] = [];
  let hunk: Hunk | undefined;
  let [before, after, old, fresh] = [0, 0, 0, 0];
  const named = (line: string) => line.slice(4).replace(/\t.*/, "").replace(/^"?[ab]\//, "").replace(/"$/, "");
  for (const line of patch.split("\n")) {
    const sign = line[0] ?? " ";
    if (hunk && (old > 0 || fresh > 0) && (sign === " " || sign === "+" || sign === "-")) {
      const text = line.slice(1);
      if (sign !== "+") old--;
      if (sign !== "-") fresh--;
      if (sign === "+") hunk.lines.push({ sign, text, after: after++ });
      else if (sign === "-") hunk.lines.push({ sign, text, before: before++ });
      else hunk.lines.push({ sign, text, before: before++, after: after++ });
      continue;
    }
    const found = HUNK.exec(line);
    if (found) {
      if (files.length === 0) files.push({ path: "", hunks: [] });
      [before, old, after, fresh] = [+found[1]!, +(found[2] ?? 1), +found[3]!, +(found[4] ?? 1)];
      hunk = { title: found[5]!.trim(), lines: [] };
      files.at(-1)!.hunks.push(hunk);
    } else if (line.startsWith("diff --git ")) {
      hunk = undefined;
      files.push({ path: line.replace(/^.* "?b\//, "").replace(/"$/, ""), hunks: [] });
    } else if (line.startsWith("--- ")) {
      hunk = undefined;
      if (!files.length || files.at(-1)!.hunks.length) files.push({ path: named(line), hunks: [] });
    } else if (line.startsWith("+++ ") && files.length && !line.startsWith("+++ /dev/null")) files.at(-1)!.path = named(line);
  }
  return files;
}

const AROUND = 3; // lines of context
const MOST_CELLS = 1_000_000; // of the table; beyond, the changed part is shown as removed and added

/** Return what changed between two texts, as hunks. */
export function compare(before: string, after: string): Hunk[] {
  const one = linesOf(before);
  const two = linesOf(after);
  let head = 0;
  while (head < one.length && head < two.length && one[head] === two[head]) head++;
  let tail = 0;
  const most = Math.min(one.length, two.length) - head;
  while (tail < most && one[one.length - 1 - tail] === two[two.length - 1 - tail]) tail++;
  const changed = steps(one.slice(head, one.length - tail), two.slice(head, two.length - tail));
  if (changed.length === 0) return [];
  const lines: Line[] = [];
  let [old, fresh] = [Math.max(0, head - AROUND), Math.max(0, head - AROUND)];
  const same = (text: string) => lines.push({ sign: " ", text, before: ++old, after: ++fresh });
  for (const text of one.slice(old, head)) same(text);
  for (const { sign, text } of changed) {
    if (sign === " ") same(text);
    else if (sign === "-") lines.push({ sign, text, before: ++old });
    else lines.push({ sign, text, after: ++fresh });
  }
  for (const text of one.slice(one.length - tail, one.length - tail + AROUND)) same(text);
  return cut(lines);
}

const linesOf = (text: string) => (text ? text.replace(/\n$/, "").split("\n") : []);

function steps(one: string[], two: string[]): Pick<Line, "sign" | "text">[] {
  const removed = one.map((text) => ({ sign: "-" as const, text }));
  const added = two.map((text) => ({ sign: "+" as const, text }));
  if (one.length * two.length > MOST_CELLS || !one.length || !two.length) return [...removed, ...added];
  const width = two.length + 1;
  const common = new Uint32Array((one.length + 1) * width); // of what is left from here
  for (let x = one.length - 1; x >= 0; x--) {
    for (let y = two.length - 1; y >= 0; y--) {
      common[x * width + y] =
        one[x] === two[y]
          ? common[(x + 1) * width + y + 1]! + 1
          : Math.max(common[(x + 1) * width + y]!, common[x * width + y + 1]!);
    }
  }
  const found: Pick<Line, "sign" | "text">[] = [];
  let [x, y] = [0, 0];
  while (x < one.length && y < two.length) {
    if (one[x] === two[y]) {
      found.push({ sign: " ", text: one[x++]! });
      y++;
    } else if (common[(x + 1) * width + y]! >= common[x * width + y + 1]!) found.push(removed[x++]!);
    else found.push(added[y++]!);
  }
  return [...found, ...removed.slice(x), ...added.slice(y)];
}

/** Leave out what did not change and is far from what did. */
function cut(lines: Line[]): Hunk[] {
  const hunks: Hunk[] = [];
  let since = Infinity;
  const near = lines.map((line) => (since = line.sign === " " ? since + 1 : 0) <= AROUND);
  since = Infinity;
  for (let place = lines.length - 1; place >= 0; place--) {
    since = lines[place]!.sign === " " ? since + 1 : 0;
    near[place] ||= since <= AROUND;
  }
  lines.forEach((line, place) => {
    if (!near[place]) return;
    if (!near[place - 1]) hunks.push({ title: "", lines: [] });
    hunks.at(-1)!.lines.push(line);
  });
  return hunks;
}

/** Return how many lines were added and removed. */
export const tally = (hunks: Hunk[]): { added: number; removed: number } => {
  const signs = hunks.flatMap((hunk) => hunk.lines.map((line) => line.sign));
  return { added: signs.filter((sign) => sign === "+").length, removed: signs.filter((sign) => sign === "-").length };
};
