import "./settings.css";
import { useSyncExternalStore, useState } from "react";
import { messageOf } from "../../api/client";
import { useReadiness } from "../../api/queries";
import { useApp } from "../../app";
import { notifying, type Notifying, setNotifying, watchNotifying } from "../../notify";
import { Title } from "../../parts/Title";
import { toastError } from "../../parts/toast";
import { KeyTable } from "../../shell/Keys";
import { setTheme, type Theme, theme } from "../../theme";
import { Rules } from "./Rules";
import { Tokens } from "./Tokens";

/** What this browser prefers, who may come in, what was allowed for good, and how the server is. */
export default function Settings() {
  const { me } = useApp();
  return (
    <div className="settings">
      <Title>Settings</Title>
      <h1>Settings</h1>
      <Appearance />
      <Notifications />
      {!me.sessionId && <Tokens />}
      {!me.sessionId && <Rules />}
      <section aria-labelledby="keys">
        <h2 id="keys">Keys</h2>
        <div className="keys">
          <KeyTable />
        </div>
      </section>
      <About />
    </div>
  );
}

function Appearance() {
  const [chosen, setChosen] = useState(theme);
  return (
    <section aria-labelledby="appearance">
      <h2 id="appearance">Appearance</h2>
      <label className="field short">
        <span>Theme, in this browser</span>
        <select
          className="input"
          value={chosen}
          onChange={(event) => {
            setTheme(event.target.value as Theme);
            setChosen(event.target.value as Theme);
          }}
        >
          <option value="system">As the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
    </section>
  );
}

const SAID: Record<Notifying, string> = {
  on: "This browser tells you when a session begins to wait for you while you look elsewhere.",
  off: "This browser can tell you when a session begins to wait for you while you look elsewhere.",
  denied: "This browser was told not to show notifications of this page: allow them in its settings for the page.",
  impossible: "A browser shows notifications only of pages that came by HTTPS, or from its own machine.",
};

function Notifications() {
  const now = useSyncExternalStore(watchNotifying, notifying);
  const possible = now === "on" || now === "off";
  return (
    <section aria-labelledby="notifications">
      <h2 id="notifications">Notifications</h2>
      <p>{SAID[now]} The title of the tab counts them in any case.</p>
      {possible && (
        <button className="button" onClick={() => void setNotifying(now === "off").catch(toastError)}>
          {now === "on" ? "Turn off" : "Turn on"}
        </button>
      )}
    </section>
  );
}

function About() {
  const { me } = useApp();
  const readiness = useReadiness();
  return (
    <section aria-labelledby="about">
      <h2 id="about">About</h2>
      <dl className="facts">
        <dt>Server</dt>
        <dd>Towpath {me.serverVersion}</dd>
        <dt>Health</dt>
        <dd>
          <span role="status" className={readiness.error ? "problem" : undefined}>
            {readiness.isPending ? "…" : readiness.error ? messageOf(readiness.error) : "ready"}
          </span>{" "}
          <button className="button plain" onClick={() => void readiness.refetch()}>
            Check again
          </button>
        </dd>
        <dt>Logged in as</dt>
        <dd className="breakable">
          {me.name}, {me.scope === "read" ? "may only read" : me.scope === "session" ? "one session" : "may do all"}
        </dd>
        <dt>API</dt>
        <dd>
          <a href="/docs">Documentation</a>, <a href="/schema/openapi.json">OpenAPI</a>
        </dd>
      </dl>
    </section>
  );
}
