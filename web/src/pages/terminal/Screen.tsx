import { useEffect, useRef, useState, useSyncExternalStore } from "react";
import { useLocation } from "wouter";
import type { TerminalView } from "../../api/gen";
import { useRemoveTerminal } from "../../api/queries";
import { useApp } from "../../app";
import { COMMANDS, spelled, useCommand } from "../../keys";
import { Confirm, Dialog } from "../../parts/Dialog";
import { Menu, type MenuItem } from "../../parts/Menu";
import { toast, toastError } from "../../parts/toast";
import { visible } from "../../parts/visible";
import { Find } from "./Find";
import { KeyBar } from "./KeyBar";
import { Notice } from "./Notice";
import { type Preferences, preferences, prefer } from "./preferences";
import type { State, View } from "./view";

interface Props {
  terminal: TerminalView;
  mayType: boolean;
  /** Opens another one like this. */
  onAgain: () => void;
}

/** A terminal: its screen, and what can be done with it. */
export function Screen({ terminal, mayType, onAgain }: Props) {
  const { shared } = useApp();
  const place = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>();
  const [byCard, setByCard] = useState(preferences().byCard);
  useEffect(() => {
    const element = document.createElement("div");
    element.className = "xterm-place";
    place.current!.append(element);
    let over = false;
    let made: View | undefined;
    const make = async () => {
      const { View } = await import("./view");
      if (over) return;
      made = new View(element, shared, terminal.terminalId, mayType, { ...preferences(), byCard });
      setView(made);
      if (!matchMedia("(pointer: coarse)").matches) made.focus();
    };
    make().catch(toastError);
    return () => {
      over = true;
      made?.stop();
      element.remove();
      setView(undefined);
    };
  }, [shared, terminal.terminalId, mayType, byCard]);
  return (
    <>
      {view ? (
        <Head view={view} terminal={terminal} mayType={mayType} byCard={byCard} onCard={setByCard} onAgain={onAgain} />
      ) : (
        <header className="row" />
      )}
      <div ref={place} className="screen" />
      {view && mayType && <KeyBar view={view} />}
    </>
  );
}

function Head({ view, terminal, mayType, byCard, onCard, onAgain }: Props & {
  view: View;
  byCard: boolean;
  onCard: (byCard: boolean) => void;
}) {
  const state = useSyncExternalStore(view.watch, view.now);
  const [finding, setFinding] = useState(false);
  const [asking, setAsking] = useState(false);
  const [chosen, setChosen] = useState(preferences);
  const [, navigate] = useLocation();
  const remove = useRemoveTerminal();
  const heading = useRef<HTMLHeadingElement>(null);
  const change = (some: Partial<Preferences>) => {
    const all = prefer(some);
    setChosen(all);
    view.prefer(all);
    onCard(all.byCard);
  };
  const resize = (by: number) => change({ fontSize: Math.min(32, Math.max(8, chosen.fontSize + by)) });
  const copy = () => {
    const text = view.copy();
    if (!text) toast("Nothing is selected.");
    else navigator.clipboard.writeText(text).then(() => toast("Copied."), toastError);
  };
  const paste = () => void navigator.clipboard.readText().then((text) => view.paste(text), toastError);
  const stay = () => {
    setFinding(false);
    view.focus();
  };
  const close = () =>
    remove.mutate(terminal.terminalId, {
      onSuccess: () => navigate(terminal.sessionId ? `/session/${terminal.sessionId}` : "/sessions"),
    });
  const running = !state.ended && !state.gone;
  const larger = state.control ? "Let all viewers decide the size" : "Decide the size here";
  useCommand("terminal.leave", () => heading.current?.focus());
  useCommand("terminal.copy", copy);
  useCommand("terminal.paste", paste, mayType);
  useCommand("terminal.find", () => setFinding(true));
  useCommand("terminal.larger", () => resize(1));
  useCommand("terminal.smaller", () => resize(-1));
  useCommand("terminal.control", () => view.control(!state.control), mayType && running);
  useCommand("terminal.close", () => setAsking(true), mayType);
  const items: (MenuItem | null)[] = [
    { title: "Search", onSelect: () => setFinding(true) },
    { title: "Copy what is selected", onSelect: copy },
    ...(mayType && running
      ? [
          { title: "Paste", onSelect: paste },
          { title: larger, onSelect: () => view.control(!state.control) },
        ]
      : []),
    null,
    { title: "Larger text", onSelect: () => resize(1) },
    { title: "Smaller text", onSelect: () => resize(-1) },
    {
      title: byCard ? "Draw without the graphics card" : "Draw by the graphics card",
      onSelect: () => change({ byCard: !byCard }),
    },
    {
      title: chosen.aloud ? "Screen reader mode: on" : "Screen reader mode: off",
      onSelect: () => change({ aloud: !chosen.aloud }),
    },
    ...(mayType ? [null, { title: "Close the terminal", danger: true, onSelect: () => setAsking(true) }] : []),
  ];
  const title = state.title || "Terminal";
  return (
    <>
      <title>{`${title} · Towpath`}</title>
      <header className="row">
        <h1 ref={heading} className="clip" tabIndex={-1}>
          {title}
        </h1>
        <span className="grow faint mono clip">{visible(terminal.workingDir)}</span>
        {state.size && (
          <span className="faint count" title="Columns and rows">
            {state.size.cols} × {state.size.rows}
          </span>
        )}
        <Menu label="Terminal menu" items={items}>
          ⋯
        </Menu>
      </header>
      {finding && <Find view={view} found={state.found} onClose={stay} />}
      <Notice state={state} mayType={mayType} onControl={(on) => view.control(on)} onAgain={onAgain} />
      <p className="hidden" id="terminal-hint">
        {`${spelled(COMMANDS["terminal.leave"].keys).join(" ")} leaves the terminal's keyboard.`}
      </p>
      {asking && (
        <Confirm
          title="Close the terminal?"
          text={running ? "What runs in it ends, and its output is gone." : "Its output is gone then."}
          action="Close it"
          onYes={close}
          onClose={() => setAsking(false)}
        />
      )}
      <Questions view={view} state={state} />
    </>
  );
}

/** What is asked before an address is opened, or lines are pasted that would run at once. */
function Questions({ view, state: { link, lines } }: { view: View; state: State }) {
  const leave = () => {
    view.answer(false);
    view.focus();
  };
  const follow = () => {
    open(link, "_blank", "noopener,noreferrer");
    leave();
  };
  const paste = () => {
    view.answer(true);
    view.focus();
  };
  if (link) return <Sure title={`Open ${hostOf(link)}?`} text={link} action="Open it in a new tab" onYes={follow} onClose={leave} />;
  if (lines) return <Sure title="Paste whole lines?" text={lines} action="Paste" onYes={paste} onClose={leave} />;
  return null;
}

interface SureProps {
  title: string;
  text: string;
  action: string;
  onYes: () => void;
  onClose: () => void;
}

function Sure({ title, text, action, onYes, onClose }: SureProps) {
  const footer = (
    <>
      <button type="button" className="button" onClick={onClose}>
        Cancel
      </button>
      <button className="button primary">{action}</button>
    </>
  );
  return (
    <Dialog title={title} onClose={onClose} onSubmit={onYes} footer={footer}>
      <pre className="quoted">{visible(text)}</pre>
    </Dialog>
  );
}

const hostOf = (address: string): string => (URL.canParse(address) ? new URL(address).host : "this address");
