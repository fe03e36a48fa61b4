import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useDeferredValue, useId, useLayoutEffect, useRef, useState } from "react";
import { ask } from "../api/client";
import { completePath } from "../api/gen";
import { isComposing } from "../keys";
import { visible } from "../parts/visible";

const MOST_HIGH = 180; // px: its CSS, and the distance to the field

interface Props {
  label: string;
  value: string;
  onChange: (path: string) => void;
  /** Where relative paths begin; by default in the first workspace root. */
  root?: string | undefined;
  problem?: string | undefined;
}

/** How a path is asked about: absolute ones by their directory, others from where they begin. */
export function asked(path: string, root: string | undefined): { root?: string; prefix: string } {
  if (!path.startsWith("/")) return { ...(root && { root }), prefix: path };
  const cut = path.lastIndexOf("/");
  return { root: path.slice(0, cut) || "/", prefix: path.slice(cut + 1) };
}

/** A field for a directory, which says how it may go on: arrows choose, Tab or Enter takes, Escape leaves it. */
export function PathField({ label, value, onChange, root, problem }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const [place, setPlace] = useState(-1);
  const query = asked(useDeferredValue(value), root);
  const base = value.startsWith("/") ? `${query.root === "/" ? "" : query.root}/` : "";
  const { data } = useQuery({
    queryKey: ["files", query],
    queryFn: ({ signal }) => ask(completePath({ query, signal })),
    staleTime: 5000,
    retry: false,
    enabled: open,
  });
  const found = (open && data?.files.filter((file) => file.directory)) || [];
  const any = found.length > 1 || (found.length === 1 && found[0]!.path !== query.prefix); // what stands there is no news
  const field = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);
  useLayoutEffect(() => {
    if (!any) return;
    const { top, bottom, left, width } = field.current!.getBoundingClientRect();
    const choices = list.current!;
    const buttons = field.current!.closest("dialog")?.querySelector("footer")?.getBoundingClientRect().top ?? innerHeight;
    const below = bottom + MOST_HIGH < buttons || top < MOST_HIGH; // the dialog's buttons stay in reach
    const place = below ? { top: `${bottom + 2}px`, bottom: "auto" } : { top: "auto", bottom: `${innerHeight - top + 2}px` };
    Object.assign(choices.style, place, { left: `${left}px`, width: `${width}px` });
    choices.showPopover(); // over the dialog, which would cut it off
    return () => choices.hidePopover();
  }, [any]);
  const take = (path: string) => {
    onChange(`${base}${path.replace(/\/?$/, "/")}`);
    setPlace(-1);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (isComposing(event.nativeEvent) || found.length === 0) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key] ?? 0;
    if (step) setPlace((place + step + found.length + (place < 0 && step < 0 ? 1 : 0)) % found.length);
    else if ((event.key === "Enter" || event.key === "Tab") && found[place]) take(found[place].path);
    else if (event.key === "Escape") {
      event.stopPropagation();
      setOpen(false);
    } else return;
    event.preventDefault();
  };
  return (
    <div>
      <label className="field" htmlFor={id}>
        <span>{label}</span>
      </label>
      <input
        ref={field}
        id={id}
        className="input mono"
        role="combobox"
        aria-expanded={any}
        aria-controls={`${id}list`}
        aria-autocomplete="list"
        aria-activedescendant={found[place] ? `${id}${place}` : undefined}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}problem` : undefined}
        placeholder={root ?? data?.root ?? "The first workspace root"}
        autoComplete="off"
        spellCheck={false}
        value={value}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onChange={(event) => {
          onChange(event.target.value);
          setOpen(true);
          setPlace(-1);
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id={`${id}list`} className="choices" role="listbox" aria-label={label} popover="manual">
        {found.map(({ path }, index) => (
          <li
            key={path}
            id={`${id}${index}`}
            role="option"
            aria-selected={index === place}
            ref={(element) => {
              if (index === place) element?.scrollIntoView({ block: "nearest" });
            }}
            onMouseDown={(event) => {
              event.preventDefault(); // the focus stays
              take(path);
            }}
          >
            {visible(path)}
          </li>
        ))}
      </ul>
      {problem && (
        <p id={`${id}problem`} className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
