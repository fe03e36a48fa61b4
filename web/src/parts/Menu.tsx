import { type KeyboardEvent, type ReactNode, useId, useRef } from "react";

export interface MenuItem {
  title: string;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

interface Props {
  /** What the button that opens it is called. */
  label: string;
  children: ReactNode;
  /** `null` draws a line. */
  items: (MenuItem | null)[];
  className?: string;
}

/** A button with a menu: arrows, Home, End and first letters move, Escape closes and gives the focus back. */
export function Menu({ label, children, items, className = "button plain icon" }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const entries = () => [...menu.current!.querySelectorAll<HTMLButtonElement>("button:not(:disabled)")];
  const place = (open: boolean) => {
    if (!open) return;
    const at = button.current!.getBoundingClientRect();
    const { style, offsetWidth, offsetHeight } = menu.current!;
    const below = at.bottom + 4 + offsetHeight < innerHeight;
    style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - 4 - offsetHeight)}px`;
    style.left = `${Math.max(8, Math.min(at.left, innerWidth - offsetWidth - 8))}px`;
    entries()[0]?.focus();
  };
  const move = (event: KeyboardEvent) => {
    const all = entries();
    const now = all.indexOf(document.activeElement as HTMLButtonElement);
    const letter = event.key.length === 1 ? event.key.toLowerCase() : "";
    const found = letter ? all.findIndex((entry) => entry.textContent.toLowerCase().startsWith(letter)) : -1;
    const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key] ?? found;
    if (!(event.key in { ArrowDown: 0, ArrowUp: 0, Home: 0, End: 0 }) && found < 0) return;
    event.preventDefault();
    all.at(to % all.length)?.focus();
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        aria-haspopup="menu"
        popoverTarget={id}
      >
        {children}
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className="menu"
        onToggle={(event) => place(event.newState === "open")}
        onKeyDown={move}
      >
        {items.map((item, place) =>
          item ? (
            <button
              key={item.title}
              type="button"
              role="menuitem"
              tabIndex={-1}
              className={item.danger ? "danger" : undefined}
              disabled={item.disabled}
              onClick={() => {
                menu.current!.hidePopover();
                item.onSelect();
              }}
            >
              {item.title}
            </button>
          ) : (
            <hr key={`line${place}`} />
          ),
        )}
      </div>
    </>
  );
}
