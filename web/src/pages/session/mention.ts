/** The `@path` that somebody is typing, and what it may become. */
import { useEffect, useState } from "react";
import { ask } from "../../api/client";
import { completePath, type FileName } from "../../api/gen";

export interface Mention {
  /** Where the text has its `@`, and where the path ends. */
  from: number;
  to: number;
  prefix: string;
}

const TYPED_MS = 80;

/** Return the mention that ends at the caret. An `@` inside a word, as in an address, is none. */
export function mentionAt(text: string, caret: number): Mention | undefined {
  const found = /(?:^|[\s(])@([^\s@]*)$/.exec(text.slice(0, caret));
  return found ? { from: caret - found[1]!.length - 1, to: caret, prefix: found[1]! } : undefined;
}

/** Return the files under a directory that a mention may mean. */
export function useCompletion(root: string | undefined, mention: Mention | undefined): FileName[] {
  const [files, setFiles] = useState<FileName[]>([]);
  const prefix = mention?.prefix;
  useEffect(() => {
    const abort = new AbortController();
    const look = () => {
      if (prefix === undefined || root === undefined) return;
      ask(completePath({ query: { root, prefix }, signal: abort.signal })).then(
        (found) => {
          if (!abort.signal.aborted) setFiles(found.files);
        },
        () => {
          if (!abort.signal.aborted) setFiles([]);
        },
      );
    };
    const timer = setTimeout(look, prefix === undefined ? 0 : TYPED_MS);
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [root, prefix]);
  return prefix === undefined ? NONE : files;
}

const NONE: FileName[] = [];
