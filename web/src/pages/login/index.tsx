import { useEffect, useRef, useState } from "react";
import { ApiProblem, ask, messageOf } from "../../api/client";
import { logIn, type Login as Credential } from "../../api/gen";

const UNKNOWN = "The server does not know this token. Look whether it was copied whole, or open a new login URL.";
const USED = "This login URL was used, or is too old. Let the server print another.";

/** Logs in by the code in the address (`/login#CODE`), which goes no further than this, or by a token. */
export default function Login({ onDone }: { onDone: () => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const [token, setToken] = useState("");
  const tried = useRef(false);
  const enter = async (body: Credential) => {
    setBusy(true);
    setProblem("");
    try {
      await ask(logIn({ body }));
      onDone();
    } catch (error) {
      const refused = error instanceof ApiProblem && error.status === 401;
      setProblem(refused ? ("code" in body ? USED : UNKNOWN) : messageOf(error));
      setBusy(false);
    }
  };
  useEffect(() => {
    const code = location.hash.slice(1);
    if (!code || tried.current) return;
    tried.current = true; // it is good for one time
    history.replaceState(null, "", "/login");
    void enter({ code });
  });
  return (
    <main className="login">
      <title>Log in · Towpath</title>
      <h1>Log in to Towpath</h1>
      <p className="faint">
        Open the login URL that the server printed, let <code>towpath login</code> print another, or paste a token.
      </p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void enter({ token: token.trim() });
        }}
      >
        <label className="field">
          <span>Token</span>
          <input
            autoFocus
            className="input"
            type="password"
            autoComplete="off"
            required
            value={token}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        <button className="button primary" disabled={busy}>
          {busy ? "Logging in…" : "Log in"}
        </button>
      </form>
      <p className="problem" role="alert">
        {problem}
      </p>
    </main>
  );
}
