import type { ReactNode } from "react";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  footer?: ReactNode;
}

/** What stands beside the transcript, or over it where there is no room: Escape closes it. */
export function Panel({ title, onClose, children, footer }: Props) {
  return (
    <aside
      className="panel"
      aria-label={title}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation(); // or it would stop the turn
        onClose();
      }}
    >
      <header>
        <h2 className="grow clip">{title}</h2>
        <button className="button plain icon" aria-label={`Close: ${title}`} autoFocus onClick={onClose}>
          ✕
        </button>
      </header>
      <div className="body">{children}</div>
      {footer && <footer>{footer}</footer>}
    </aside>
  );
}
