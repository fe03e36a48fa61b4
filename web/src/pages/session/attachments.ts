/** Files that go with a prompt: dropped, pasted or named. */
import { useCallback, useState } from "react";
import { ask, messageOf, once, randomId } from "../../api/client";
import { type PromptContext, uploadBlob } from "../../api/gen";

export interface Attachment {
  id: string;
  name: string;
  bytes?: number;
  /** What is sent; while it is missing the file is on its way, or `problem` says why it isn't. */
  given?: PromptContext;
  problem?: string;
}

export function useAttachments() {
  const [attachments, setAttachments] = useState<Attachment[]>([]);
  const change = useCallback(
    (id: string, changes: Partial<Attachment>) =>
      setAttachments((all) => all.map((one) => (one.id === id ? { ...one, ...changes } : one))),
    [],
  );
  const name = useCallback((path: string) => {
    setAttachments((all) =>
      all.some((one) => one.name === path) ? all : [...all, { id: randomId(), name: path, given: { path } }],
    );
  }, []);
  const upload = useCallback(
    (files: Iterable<File>) => {
      for (const file of files) {
        const id = randomId();
        const name = file.name || "pasted";
        setAttachments((all) => [...all, { id, name, bytes: file.size }]);
        send(file).then(
          (given) => change(id, { given }),
          (error: unknown) => change(id, { problem: messageOf(error) }),
        );
      }
    },
    [change],
  );
  const remove = useCallback((id: string) => setAttachments((all) => all.filter((one) => one.id !== id)), []);
  const clear = useCallback(() => setAttachments([]), []);
  const restore = useCallback((gone: Attachment[]) => setAttachments((all) => [...gone, ...all]), []);
  return { attachments, name, upload, remove, clear, restore };
}

async function send(file: File): Promise<PromptContext> {
  const body = {
    data: base64(new Uint8Array(await file.arrayBuffer())),
    ...(file.name && { name: file.name }),
    ...(file.type && { mediaType: file.type }),
  };
  const { blobId } = await ask(uploadBlob({ body, headers: once() }));
  return { blobId };
}

const CHUNK = 0x8000; // arguments of one call

function base64(bytes: Uint8Array): string {
  let text = "";
  for (let from = 0; from < bytes.length; from += CHUNK) text += String.fromCharCode(...bytes.subarray(from, from + CHUNK));
  return btoa(text);
}
