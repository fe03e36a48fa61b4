/** An instant, in milliseconds since the epoch: the time today, else the day. */
export function Time({ at }: { at: number }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  const text = today
    ? date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString([], { month: "short", day: "numeric" });
  return (
    <time className="faint" dateTime={date.toISOString()} title={date.toLocaleString()}>
      {text}
    </time>
  );
}
