/** Types into a terminal: what is typed while a request is on its way goes with the next one. Each has a number, by which
 *  the terminal takes it once and in order, however often it had to be sent. */
import { ApiProblem, randomId } from "../api/client";

/** Sends one input; resolves when it was taken. Throws ApiProblem. */
export type Send = (input: { clientId: string; seq: number; bytes: Uint8Array }) => Promise<unknown>;

/** `refused`: the program does not read; `unreachable`: no connection; `lost`: it may have been typed or not. */
export type Trouble = "refused" | "unreachable" | "lost" | "denied" | "full";

export interface Typed {
  /** Bytes that the terminal has not yet taken. */
  unsent: number;
  trouble: Trouble | undefined;
}

const INPUT_BYTES = 64 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 5_000;

export class Typist {
  private readonly clientId = randomId();
  private readonly over = new AbortController();
  private readonly hurry = new EventTarget();
  private pieces: Uint8Array[] = [];
  private seq = 0;
  private sending = false;
  private typed: Typed = { unsent: 0, trouble: undefined };

  constructor(
    private readonly send: Send,
    private readonly onChange: (typed: Typed) => void,
  ) {}

  /** Type this, once what was typed before has been taken. */
  type(bytes: Uint8Array): void {
    if (this.over.signal.aborted || bytes.length === 0) return;
    if (this.typed.unsent + bytes.length > MOST_BYTES) {
      this.change({ trouble: "full" });
      return;
    }
    this.pieces.push(bytes);
    this.change({ unsent: this.typed.unsent + bytes.length });
    if (!this.sending) void this.run();
  }

  /** Try again at once what could not be sent. */
  readonly hasten = (): void => void this.hurry.dispatchEvent(new Event("now"));

  stop(): void {
    this.over.abort();
    this.hasten();
  }

  private async run(): Promise<void> {
    this.sending = true;
    while (this.pieces.length > 0 && !this.over.signal.aborted) {
      const bytes = this.next();
      const trouble = await this.deliver(bytes);
      if (trouble) this.pieces = [];
      const unsent = trouble ? 0 : this.typed.unsent - bytes.length;
      this.change({ unsent, trouble });
    }
    this.sending = false;
  }

  /** Return what is typed next: all that waits, or as much of it as a request takes. */
  private next(): Uint8Array {
    const all = new Uint8Array(this.pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of this.pieces) {
      all.set(piece, at);
      at += piece.length;
    }
    this.pieces = all.length > INPUT_BYTES ? [all.slice(INPUT_BYTES)] : [];
    return all.slice(0, INPUT_BYTES);
  }

  /** Send until it is taken; return why it never will be. */
  private async deliver(bytes: Uint8Array): Promise<Trouble | undefined> {
    let unsure = false; // whether one of the attempts may have been taken
    this.seq++;
    for (let failures = 0; !this.over.signal.aborted; failures++) {
      try {
        await this.send({ clientId: this.clientId, seq: this.seq, bytes });
        return undefined;
      } catch (error) {
        if (!(error instanceof ApiProblem)) throw error;
        const { expected } = error.problem as { expected?: number };
        if (error.code === "input-gap" && expected !== undefined) {
          this.seq = expected;
          if (unsure) {
            this.seq--;
            return "lost";
          }
          if (failures < 3) continue;
        }
        if (error.code !== "input-refused" && isFinal(error.status)) {
          if (error.code !== "terminal-closed") return "denied";
          this.over.abort();
          return undefined;
        }
        unsure ||= error.code !== "input-refused";
        this.change({ trouble: error.code === "input-refused" ? "refused" : "unreachable" });
        await this.pause(Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures));
      }
    }
    return undefined;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.hurry.removeEventListener("now", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.hurry.addEventListener("now", done);
    });
  }

  private change(change: Partial<Typed>): void {
    this.typed = { ...this.typed, ...change };
    this.onChange(this.typed);
  }
}

const isFinal = (status: number) => status >= 400 && status < 500 && status !== 408 && status !== 429;
