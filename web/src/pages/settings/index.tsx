import { useApp } from "../../app";
import { type Theme, setTheme, theme } from "../../theme";

/** What this browser prefers. */
export default function Settings() {
  const { me } = useApp();
  return (
    <div className="sessions">
      <title>Settings · Towpath</title>
      <h1>Settings</h1>
      <p className="faint">
        Logged in as {me.name}; server {me.serverVersion}.
      </p>
      <label className="field">
        <span>Theme</span>
        <select className="input" defaultValue={theme()} onChange={(event) => setTheme(event.target.value as Theme)}>
          <option value="system">As the system</option>
          <option value="light">Light</option>
          <option value="dark">Dark</option>
        </select>
      </label>
    </div>
  );
}
