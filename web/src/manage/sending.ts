import { useRef, useState } from "react";
import { ApiProblem, messageOf, once } from "../api/client";

/** One thing being sent from a form: why it failed, and at which member of the request. */
export function useSending() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const key = useRef({ headers: once(), body: "" });
  const problem = error instanceof ApiProblem ? error : undefined;
  return {
    busy,
    code: problem?.code,
    /** What went wrong, unless it is said at its field. */
    text: error !== undefined && !problem?.problem.member ? messageOf(error) : "",
    at: (member: string): string | undefined => (problem?.problem.member === `$.${member}` ? problem.message : undefined),
    other: (...members: string[]): string =>
      problem?.problem.member && !members.some((member) => problem.problem.member === `$.${member}`)
        ? problem.message
        : "",
    /** The same request again, after no answer came, is the same to the server. */
    headers: (body: unknown) => {
      const text = JSON.stringify(body);
      if (text !== key.current.body) key.current = { headers: once(), body: text };
      return key.current.headers;
    },
    run: async (send: () => Promise<void>): Promise<void> => {
      setBusy(true);
      setError(undefined);
      try {
        await send();
      } catch (failure) {
        setError(failure);
        setBusy(false);
      }
    },
  };
}
