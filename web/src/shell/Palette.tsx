import { useEffect, useId, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { useSessions } from "../api/queries";
import { useModal } from "../parts/Dialog";
import { isComposing, type Offer, spelled, useOffers } from "../keys";

const MOST = 50;

/** Finds a command or a session by what is typed, and does it. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [place, setPlace] = useState(0);
  const [, navigate] = useLocation();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const commands = useOffers();
  const { sessions } = useSessions();
  const found = useMemo(() => {
    const all: Offer[] = [
      ...commands.filter((offer) => offer.id !== "palette.open"),
      ...sessions.map(({ sessionId, title, workingDir }) => ({
        id: sessionId,
        title: title || workingDir,
        group: "Sessions",
        act: () => navigate(`/session/${sessionId}`),
      })),
    ];
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter(({ title, group }) => words.every((word) => `${title} ${group}`.toLowerCase().includes(word)));
  }, [commands, sessions, text, navigate]).slice(0, MOST);
  const at = Math.min(place, found.length - 1);
  useModal(dialog);
  useEffect(() => {
    document.getElementById(`${id}${at}`)?.scrollIntoView({ block: "nearest" }); // answers a promise, in newer browsers
  }, [id, at]);
  const choose = (offer: Offer | undefined) => {
    if (!offer) return;
    onClose();
    offer.act();
  };
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Commands"
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <input
        className="input"
        role="combobox"
        aria-label="Find a session or a command"
        aria-expanded="true"
        aria-controls={`${id}list`}
        aria-activedescendant={found.length ? `${id}${at}` : undefined}
        placeholder="Find a session or a command"
        autoComplete="off"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setPlace(0);
        }}
        onKeyDown={(event) => {
          if (isComposing(event.nativeEvent)) return;
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
          if (step) setPlace((at + step + found.length) % Math.max(1, found.length));
          else if (event.key === "Enter") choose(found[at]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id={`${id}list`} role="listbox" aria-label="Found">
        {found.map((offer, index) => (
          <li
            key={offer.id}
            id={`${id}${index}`}
            role="option"
            aria-selected={index === at}
            onClick={() => choose(offer)}
            onMouseMove={() => setPlace(index)}
          >
            <span className="grow clip">{offer.title}</span>
            <span className="faint">{offer.group}</span>
            {offer.keys && (
              <span>
                {spelled(offer.keys).map((key, index) => (
                  <kbd key={index}>{key}</kbd>
                ))}
              </span>
            )}
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="empty">Nothing found</p>}
    </dialog>
  );
}
