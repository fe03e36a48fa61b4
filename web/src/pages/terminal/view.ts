/** A terminal as it is looked at: xterm.js, what comes into it, what is typed, and whose size counts. */
import { ApiProblem, ask, randomId } from "../../api/client";
import { resizeTerminal, type TerminalSnapshot, typeIntoTerminal } from "../../api/gen";
import type { Shared } from "../../api/shared";
import { onKey } from "../../keys";
import { Feed, follow, reader } from "../../state/feed";
import { fromBase64, toBase64 } from "../../state/base64";
import { type Typed, Typist } from "../../state/typist";
import { onScheme, themeOf } from "./colours";
import { drawByCard, type Made, makeTerminal } from "./xterm";

export interface Size {
  cols: number;
  rows: number;
}

export interface State extends Typed {
  /** Whether anything is shown yet. */
  ready: boolean;
  title: string;
  /** What the terminal has; `wanted`: what would fit here. */
  size: Size | undefined;
  wanted: Size | undefined;
  control: boolean;
  ended: { exitCode: number | undefined } | undefined;
  gone: boolean;
  problem: string;
  /** Somebody chose this address, or wants to paste these lines: to be confirmed. */
  link: string;
  lines: string;
  found: { at: number; of: number } | undefined;
}

export interface Preferences {
  fontSize: number;
  byCard: boolean;
  aloud: boolean;
}

const PENDING_BYTES = 1024 * 1024; // beyond it nothing more is read, until half of it is shown
const SCROLLBACK_LINES = 5_000;
const SETTLE_MS = 60;
const NOTHING: State = {
  ready: false,
  title: "",
  size: undefined,
  wanted: undefined,
  control: false,
  ended: undefined,
  gone: false,
  problem: "",
  link: "",
  lines: "",
  found: undefined,
  unsent: 0,
  trouble: undefined,
};

/** What a program may call its window: one line, in the order in which it is read. */
export const plainTitle = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, "").slice(0, 200);

/** What may be pasted: no key but tab and Enter. Else a text could end the paste by itself, and be typed. */
export const plainPaste = (text: string): string =>
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, "");

export class View {
  private readonly viewerId = randomId();
  private readonly ends: (() => void)[] = [];
  private readonly watchers = new Set<() => void>();
  private readonly made: Made;
  private readonly typist: Typist;
  private readonly feed: Feed;
  private state: State = NOTHING;
  private pending = 0;
  private full: PromiseWithResolvers<void> | undefined;
  private painting = 0;
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    element: HTMLElement,
    shared: Shared,
    private readonly terminalId: string,
    private readonly mayType: boolean,
    preferences: Preferences,
  ) {
    const options = {
      scrollback: SCROLLBACK_LINES,
      fontFamily: getComputedStyle(element).fontFamily,
      fontSize: preferences.fontSize,
      lineHeight: 1.2,
      theme: themeOf(element),
      minimumContrastRatio: 4.5,
      screenReaderMode: preferences.aloud,
      disableStdin: !mayType,
      macOptionClickForcesSelection: true,
      logLevel: "off" as const,
    };
    this.made = makeTerminal(options, (link) => this.change({ link }));
    const { terminal, search } = this.made;
    this.typist = new Typist(
      ({ bytes, ...input }) =>
        ask(
          typeIntoTerminal({ path: { terminalId }, body: { ...input, encoding: "base64", data: toBase64(bytes) } }),
        ),
      (typed) => this.change(typed),
    );
    this.feed = new Feed(
      {
        reset: (snapshot) => this.reset(snapshot),
        write: (bytes) => this.write(bytes),
        room: () => this.full?.promise,
        resize: (cols, rows) => terminal.write("", () => this.resize({ cols, rows })),
        caughtUp: () => terminal.write("", () => this.change({ ready: true, problem: "" })),
        closed: (exitCode) => terminal.write("", () => this.close(exitCode)),
        gone: () => this.change({ gone: true }),
        failed: (problem) => this.change({ problem: problem.message }),
      },
      reader(terminalId),
    );
    terminal.open(element);
    if (preferences.byCard) void drawByCard(terminal);
    terminal.attachCustomKeyEventHandler((event) => !this.isOurs(event));
    const paste = (event: ClipboardEvent) => {
      event.preventDefault();
      event.stopPropagation();
      this.paste(event.clipboardData?.getData("text/plain") ?? "");
    };
    element.addEventListener("paste", paste, true);
    const sized = new ResizeObserver(() => this.fit());
    sized.observe(element.parentElement!);
    this.ends.push(
      () => terminal.dispose(),
      () => element.removeEventListener("paste", paste, true),
      () => sized.disconnect(),
      onScheme(() => (terminal.options.theme = themeOf(element))),
      shared.watch(() => {
        if (shared.status().connection === "live") this.typist.hasten();
      }),
      follow(shared, terminalId, this.viewerId, this.feed, () => this.ask(true)),
    );
    terminal.onData((data) => {
      if (this.painting === 0 || !/^\x1b\[[IO]$/.test(data)) this.type(new TextEncoder().encode(data));
    });
    terminal.onBinary((data) => this.type(Uint8Array.from(data, (char) => char.charCodeAt(0))));
    terminal.onTitleChange((title) => this.change({ title: plainTitle(title) }));
    search.onDidChangeResults(({ resultIndex, resultCount }) =>
      this.change({ found: { at: resultIndex + 1, of: resultCount } }),
    );
    this.fit();
  }

  readonly watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };
  readonly now = (): State => this.state;

  stop(): void {
    clearTimeout(this.settling);
    this.typist.stop();
    for (const end of this.ends.reverse()) end();
  }

  focus(): void {
    this.made.terminal.focus();
  }

  /** Type a key or a text, as if it came from the keyboard. */
  key(data: string): void {
    this.made.terminal.input(data);
  }

  /** Type an arrow key, whichever mode the program has set them to. */
  arrow(final: string): void {
    this.key(`\x1b${this.made.terminal.modes.applicationCursorKeysMode ? "O" : "["}${final}`);
  }

  /** Paste; what a program would run at once, since a line ends in it, only after a question. */
  paste(text: string): void {
    const plain = plainPaste(text);
    if (/[\r\n]/.test(plain) && !this.made.terminal.modes.bracketedPasteMode) this.change({ lines: plain });
    else this.made.terminal.paste(plain);
  }

  answer(yes: boolean): void {
    if (yes && this.state.lines) this.made.terminal.paste(this.state.lines);
    this.change({ lines: "", link: "" });
  }

  copy(): string {
    return this.made.terminal.getSelection();
  }

  find(text: string, back = false): void {
    const { search } = this.made;
    if (!text) {
      search.clearDecorations();
      this.change({ found: undefined });
      return;
    }
    const marks = { matchOverviewRuler: "#0b6b57", activeMatchColorOverviewRuler: "#8f5200" };
    const colours = { matchBackground: "#b9dfd4", activeMatchBackground: "#f5b14c" };
    search[back ? "findPrevious" : "findNext"](text, { incremental: !back, decorations: { ...marks, ...colours } });
  }

  prefer({ fontSize, aloud }: Preferences): void {
    Object.assign(this.made.terminal.options, { fontSize, screenReaderMode: aloud });
    this.fit();
  }

  /** Have the terminal the size that fits here, or leave that to all who look. */
  control(control: boolean): void {
    this.change({ control });
    this.ask(true);
  }

  private change(change: Partial<State>): void {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }

  /** Keys that are the page's: those with Ctrl (or Cmd) and Shift, which programs in terminals don't get. */
  private isOurs(event: KeyboardEvent): boolean {
    if (!event.shiftKey || !(event.ctrlKey || event.metaKey) || event.type !== "keydown") return false;
    return onKey(event);
  }

  private type(bytes: Uint8Array): void {
    if (this.mayType && !this.state.ended) this.typist.type(bytes);
  }

  private reset({ cols, rows, title, data }: TerminalSnapshot): void {
    const { terminal } = this.made;
    const bytes = fromBase64(data);
    this.painting++; // to be painted anew is no reason to tell a program that it has the focus
    terminal.write("", () => {
      terminal.reset();
      this.resize({ cols, rows });
      this.change({ title: plainTitle(title) });
    });
    terminal.write(bytes, () => this.painting--);
  }

  private write(bytes: Uint8Array): void {
    this.pending += bytes.length;
    if (this.pending > PENDING_BYTES) this.full ??= Promise.withResolvers();
    this.made.terminal.write(bytes, () => {
      this.pending -= bytes.length;
      if (this.pending > PENDING_BYTES / 2) return;
      this.full?.resolve();
      this.full = undefined;
    });
  }

  private resize(size: Size): void {
    this.made.terminal.resize(size.cols, size.rows);
    this.change({ size });
  }

  private close(exitCode: number | undefined): void {
    this.made.terminal.options.disableStdin = true;
    this.typist.stop();
    this.change({ ready: true, ended: { exitCode }, unsent: 0, trouble: undefined });
  }

  /** See what fits; ask for it when that has come to rest. */
  private fit(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      const size = this.made.fit.proposeDimensions();
      if (!size || !Number.isFinite(size.cols + size.rows)) return;
      const wanted = { cols: Math.min(1000, size.cols), rows: Math.min(1000, size.rows) };
      const known = this.state.wanted;
      if (wanted.cols === known?.cols && wanted.rows === known.rows) return;
      this.change({ wanted });
      this.ask(false);
    }, SETTLE_MS);
  }

  /** Tell the server what fits here, and who decides. */
  private ask(again: boolean): void {
    const { wanted, ended, gone, control } = this.state;
    if (!wanted || ended || gone || !this.mayType) return;
    const body = { viewerId: this.viewerId, ...wanted, ...((control || again) && { control }) };
    ask(resizeTerminal({ path: { terminalId: this.terminalId }, body })).catch((error: unknown) => {
      if (!(error instanceof ApiProblem)) throw error; // the stream tells what became of the terminal
    });
  }
}
