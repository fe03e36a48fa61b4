import { memo } from "react";
import { upright } from "../../parts/visible";
import { spans } from "../../state/ansi";

/** Raw output, in its colours. */
export const Output = memo(function Output({ text, label }: { text: string; label?: string }) {
  return (
    <pre className="output" aria-label={label}>
      {spans(upright(text)).map(({ text: piece, look, colour }, place) =>
        look || colour ? (
          <span key={place} className={look || undefined} style={colour ? { color: `color-mix(in srgb, ${colour} 55%, var(--text))` } : undefined}>
            {piece}
          </span>
        ) : (
          piece
        ),
      )}
    </pre>
  );
});
