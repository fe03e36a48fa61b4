import { lazy, Suspense, useEffect, useState, useSyncExternalStore } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { ask } from "../api/client";
import { logOut } from "../api/gen";
import { useSession } from "../api/queries";
import { useApp, useMayWrite } from "../app";
import { COMMANDS, spelled, useCommand } from "../keys";
import { current, show, watch } from "../manage/dialog";
import { SessionCommands } from "../manage/SessionCommands";
import { Boundary } from "../parts/Boundary";
import { late } from "../parts/late";
import { toast, toastError } from "../parts/toast";
import { nextTheme, setTheme } from "../theme";
import { Connection } from "./Connection";
import { Keys } from "./Keys";
import { Notify } from "./Notify";
import { Palette } from "./Palette";
import { Sidebar } from "./Sidebar";

const Sessions = late(() => import("../pages/sessions"));
const Session = late(() => import("../pages/session"));
const Terminal = late(() => import("../pages/terminal"));
const Settings = late(() => import("../pages/settings"));
const PAGES = [
  ["/sessions", Sessions],
  ["/session/", Session],
  ["/terminal/", Terminal],
  ["/settings", Settings],
] as const;
const Dialogs = lazy(() => import("../manage/Dialogs"));

/** Fetch the code of the page at this path. What goes wrong there is told where the page is drawn. */
export async function fetchPage(path: string): Promise<void> {
  await PAGES.find(([beginning]) => path.startsWith(beginning))?.[1].fetch();
}

/** The frame around every page: bar, sidebar, palette, keys. */
export function Shell() {
  const { shared, me } = useApp();
  const [path, navigate] = useLocation();
  const [open, setOpen] = useState(false);
  const [shown, setShown] = useState<"palette" | "keys">();
  useEffect(() => void Session.fetch(), []); // where one goes from everywhere
  const close = () => setShown(undefined);
  const leave = () => void ask(logOut()).then(() => location.assign("/login"), toastError);
  const mayWrite = useMayWrite() && !me.sessionId;
  useCommand("sessions.new", () => show({ kind: "new" }), mayWrite);
  useCommand("projects.new", () => show({ kind: "project" }), mayWrite);
  useCommand("palette.open", () => setShown("palette"));
  useCommand("help.keys", () => setShown("keys"));
  useCommand("help.logout", leave);
  useCommand("go.sessions", () => navigate("/sessions"));
  useCommand("go.settings", () => navigate("/settings"));
  useCommand("view.sidebar", () => setOpen(!open));
  useCommand("view.reconnect", shared.hasten);
  useCommand("view.theme", () => {
    const next = nextTheme();
    setTheme(next);
    toast(`Theme: ${next}`);
  });
  return (
    <div className={open ? "shell open" : "shell"}>
      <header className="top">
        <button
          className="button plain icon burger"
          aria-label="Sessions"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          ☰
        </button>
        <Link href="/sessions" className="brand">
          Towpath
        </Link>
        <span className="grow" />
        <Connection />
        <button className="button plain" onClick={() => setShown("palette")}>
          Find
          <span className="wide">
            {spelled(COMMANDS["palette.open"].keys).map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </span>
        </button>
        <Link href="/settings" className="button plain icon" aria-label="Settings" title="Settings">
          ⚙
        </Link>
      </header>
      <Sidebar onChoose={() => setOpen(false)} />
      <main className="main">
        <Boundary name={path}>
          <Suspense fallback={null}>
            <Switch>
              {!me.sessionId && (
                <Route path="/sessions">
                  <Sessions />
                </Route>
              )}
              <Route path="/session/:id">{({ id }) => <Session key={id} sessionId={id} />}</Route>
              <Route path="/terminal/:id">{({ id }) => <Terminal key={id} id={id} />}</Route>
              <Route path="/settings">
                <Settings />
              </Route>
              <Route>
                <Redirect to={me.sessionId ? `/session/${me.sessionId}` : "/sessions"} replace />
              </Route>
            </Switch>
          </Suspense>
        </Boundary>
      </main>
      <Route path="/session/:id">{({ id }) => <PageCommands sessionId={id} />}</Route>
      {!me.sessionId && <Notify />}
      <Asked />
      {shown === "palette" && <Palette onClose={close} />}
      {shown === "keys" && <Keys onClose={close} />}
    </div>
  );
}

/** What can be done to the session whose page this is. */
function PageCommands({ sessionId }: { sessionId: string }) {
  const { data } = useSession(sessionId);
  return data ? <SessionCommands session={data} /> : null;
}

/** The dialog about sessions or projects that somebody asked for; its code comes with the first one. */
function Asked() {
  const shown = useSyncExternalStore(watch, current);
  return shown ? (
    <Suspense fallback={null}>
      <Dialogs shown={shown} onClose={() => show(undefined)} />
    </Suspense>
  ) : null;
}
