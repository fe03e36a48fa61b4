// made once: to make one takes longer than all else of a row that is scrolled into sight
const CLOCK = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });
const WHOLE = new Intl.DateTimeFormat([], { dateStyle: "short", timeStyle: "medium" });

/** An instant, in milliseconds since the epoch: the time today, else the day. */
export function Time({ at }: { at: number }) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return (
    <time className="faint" dateTime={date.toISOString()} title={WHOLE.format(date)}>
      {(today ? CLOCK : DAY).format(date)}
    </time>
  );
}
