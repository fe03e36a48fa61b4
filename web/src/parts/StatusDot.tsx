import type { Session } from "../api/gen";

/** A status at a glance: a dot, and the word for whoever can't see the dot, or wherever there is room for it. */
export function StatusDot({ status, word = false }: { status: Session["status"]; word?: boolean }) {
  return (
    <>
      <span className={`dot ${status}`} aria-hidden="true" />
      <span className={word ? undefined : "hidden"}>{status}</span>
    </>
  );
}
