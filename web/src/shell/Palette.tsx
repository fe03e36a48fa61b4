import { useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import type { Session } from "../api/gen";
import { useProjects, useSessions } from "../api/queries";
import { useApp } from "../app";
import { useModal } from "../parts/Dialog";
import { lineOf } from "../parts/visible";
import { isComposing, type Offer, spelled, useOffers } from "../keys";

const MOST = 50;
const SEARCHED = 3; // letters from which on the server looks into what was said, too

const RECENT = { archived: "false" } as const;

/** Finds a command or a session by what is typed, and does it. */
export function Palette({ onClose }: { onClose: () => void }) {
  const [text, setText] = useState("");
  const [place, setPlace] = useState(0);
  const [, navigate] = useLocation();
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  const commands = useOffers();
  const inScope = !useApp().me.sessionId;
  const { sessions } = useSessions(RECENT, inScope);
  const said = useDeferredValue(text.trim().slice(0, 200));
  const searched = useSessions({ q: said }, inScope && said.length >= SEARCHED).sessions;
  const { data: projects } = useProjects();
  const found = useMemo(() => {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const fit = ({ title, group }: Offer) =>
      words.every((word) => `${title} ${group}`.toLowerCase().includes(word));
    const offer = ({ sessionId, title, workingDir, status }: Session): Offer => ({
      id: sessionId,
      title: lineOf(title || workingDir),
      group: status === "waiting" ? "Waits for you" : "Session",
      act: () => navigate(`/session/${sessionId}`),
    });
    const local: Offer[] = [
      ...commands.filter((each) => each.id !== "palette.open"),
      ...(projects ?? []).map(({ projectId, name }) => ({
        id: projectId,
        title: lineOf(name),
        group: "Project",
        act: () => navigate(`/sessions?projectId=${projectId}`),
      })),
      ...sessions.map(offer),
    ].filter(fit);
    const shown = new Set(local.map(({ id }) => id));
    const elsewhere = words.length ? searched.map(offer).filter(({ id }) => !shown.has(id)) : [];
    const begins = ({ title }: Offer) => (title.toLowerCase().startsWith(words[0] ?? "") ? 0 : 1);
    return [...local.sort((one, other) => begins(one) - begins(other)), ...elsewhere].slice(0, MOST);
  }, [commands, sessions, searched, projects, text, navigate]);
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
