/** What a terminal would make of raw output, as far as a page of text can: colours and overwritten lines. Everything else
 *  that a terminal would act on is dropped. Source: ECMA-48, xterm's ctlseqs. */

export interface Span {
  text: string;
  /** Classes: `fg-0`…`fg-15`, `bg-…`, `bold`, `dim`, `italic`, `underline`, `strike`. */
  look: string;
  /** A colour beyond the sixteen, as CSS has it. */
  colour?: string | undefined;
}

interface Pen {
  fg: string;
  bg: string;
  colour: string | undefined;
  inverse: boolean;
  looks: Set<string>;
}

const COLOUR = /\x1b\[([\d;:]*)m/g;
// OSC, DCS and their like end with BEL or ST; one that the text cuts off takes the rest of its line.
const OTHERS =
  /\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b\[[<-?][0-?]*m|\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|\x1b[ -/]+[0-~]|\x1b[^[\]PX^_]|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]/g;
const REST = /\x1b(?:\[[0-?]*[ -/]*)?|\r/g;

/** Return plain text as it would be read. */
export const plain = (text: string): string => cleaned(text).replace(COLOUR, "").replace(REST, "");

/** Return text in spans of one look each. */
export function spans(text: string): Span[] {
  const found: Span[] = [];
  const pen: Pen = { fg: "", bg: "", colour: undefined, inverse: false, looks: new Set() };
  const put = (piece: string) => {
    if (!piece) return;
    const [fg, bg] = pen.inverse ? [pen.bg || "inverse", pen.fg || "inverse"] : [pen.fg, pen.bg];
    const look = [fg && `fg-${fg}`, bg && `bg-${bg}`, ...pen.looks].filter(Boolean).join(" ");
    found.push({ text: piece, look, colour: pen.colour });
  };
  let from = 0;
  const clean = cleaned(text);
  for (const match of clean.matchAll(COLOUR)) {
    put(clean.slice(from, match.index).replace(REST, ""));
    from = match.index + match[0].length;
    draw(pen, match[1]!);
  }
  put(clean.slice(from).replace(REST, ""));
  return found;
}

/** Return the sequences that give text which goes on after this one the same look. */
export function lookAfter(text: string): string {
  let looks = "";
  for (const [sequence, codes] of text.matchAll(COLOUR)) looks = /^0*$/.test(codes!) ? "" : looks + sequence;
  return looks.slice(-MOST_LOOK);
}

const MOST_LOOK = 200;

const cleaned = (text: string): string => text.replace(OTHERS, "").split("\n").map(overwritten).join("\n");

/** Return what is left of a line: what was written last. By a pattern, 60,000 carriage returns took 15 s. */
function overwritten(line: string): string {
  let end = line.length;
  while (line[end - 1] === "\r") end--;
  return line.slice(line.lastIndexOf("\r", end - 1) + 1, end);
}

function draw(pen: Pen, codes: string): void {
  const all = codes.split(/[;:]/).map(Number);
  for (let place = 0; place < all.length; place++) {
    const code = all[place]!;
    if (code === 0) Object.assign(pen, { fg: "", bg: "", colour: undefined, inverse: false, looks: new Set<string>() });
    else if (LOOKS[code]) pen.looks.add(LOOKS[code]);
    else if (code === 22) ["bold", "dim"].forEach((look) => pen.looks.delete(look));
    else if (code === 23) pen.looks.delete("italic");
    else if (code === 24) pen.looks.delete("underline");
    else if (code === 29) pen.looks.delete("strike");
    else if (code === 7 || code === 27) pen.inverse = code === 7;
    else if (code >= 30 && code <= 37) colour(pen, `${code - 30}`);
    else if (code >= 90 && code <= 97) colour(pen, `${code - 82}`);
    else if (code === 39) colour(pen, "");
    else if (code >= 40 && code <= 47) pen.bg = `${code - 40}`;
    else if (code >= 100 && code <= 107) pen.bg = `${code - 92}`;
    else if (code === 49) pen.bg = "";
    else if (code === 38 || code === 48) {
      const indexed = all[place + 1] === 5;
      const [red = 0, green = 0, blue = 0] = indexed ? cube(all[place + 2] ?? 0) : all.slice(place + 2, place + 5);
      const known = indexed && all[place + 2]! < 16 ? `${all[place + 2]}` : "";
      place += indexed ? 2 : 4;
      if (code === 48) pen.bg = known; // other grounds are left out: no text is sure to be readable on them
      else if (known) colour(pen, known);
      else Object.assign(pen, { fg: "", colour: `rgb(${red & 255} ${green & 255} ${blue & 255})` });
    }
  }
}

function colour(pen: Pen, fg: string): void {
  pen.fg = fg;
  pen.colour = undefined;
}

const LOOKS: Record<number, string> = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 9: "strike" };

function cube(index: number): number[] {
  if (index >= 232) return Array<number>(3).fill(8 + (index - 232) * 10);
  const level = (step: number) => (step ? 55 + step * 40 : 0);
  const place = index - 16;
  return [level(Math.floor(place / 36)), level(Math.floor(place / 6) % 6), level(place % 6)];
}
