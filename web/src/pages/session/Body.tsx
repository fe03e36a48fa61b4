import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { ask, messageOf } from "../../api/client";
import { getBlob, type LargeBody } from "../../api/gen";
import { usePlace } from "./place";
import { size } from "./words";

/** Look up the whole of a text that may be too large for its event. */
export function useWhole(body: string | LargeBody, wanted = true) {
  const { store } = usePlace();
  const blobId = typeof body === "string" ? "" : body.blobId;
  const { data, error } = useQuery({
    queryKey: ["blob", store.sessionId, blobId],
    queryFn: () => ask(getBlob({ path: { sessionId: store.sessionId, blobId }, parseAs: "text" })) as unknown as Promise<string>,
    enabled: wanted && blobId !== "",
  });
  return { text: typeof body === "string" ? body : data, error };
}

/** A text of an event; of a large one its beginning, and the rest for who asks. */
export function Body({ body, children }: { body: string | LargeBody; children: (text: string) => React.ReactNode }) {
  const [wanted, setWanted] = useState(false);
  const { text, error } = useWhole(body, wanted);
  if (typeof body === "string") return children(body);
  return (
    <>
      {children(text ?? `${body.preview}…`)}
      {text === undefined && (
        <button className="button plain" disabled={wanted && !error} onClick={() => setWanted(true)}>
          Show all, {size(body.bytes)}
        </button>
      )}
      {error && <p className="problem">{messageOf(error)}</p>}
    </>
  );
}
