import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ask, messageOf } from "../../api/client";
import { createToken, revokeToken, type Token } from "../../api/gen";
import { useSession, useSessions, useTokens } from "../../api/queries";
import { useApp, useMayWrite } from "../../app";
import { nameOf } from "../../manage/actions";
import { Buttons, Said } from "../../manage/form";
import { useSending } from "../../manage/sending";
import { Confirm, Dialog } from "../../parts/Dialog";
import { Time } from "../../parts/Time";
import { toast, toastError } from "../../parts/toast";
import { lineOf } from "../../parts/visible";

const SCOPES = { full: "may do all", read: "may only read", session: "one session" };

/** Further credentials: for other devices, for programs, for somebody who may only look. */
export function Tokens() {
  const queries = useQueryClient();
  const { me } = useApp();
  const { data: tokens, error } = useTokens();
  const mayWrite = useMayWrite();
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<Token>();
  const revoke = ({ tokenId }: Token) =>
    ask(revokeToken({ path: { tokenId } })).then((answer) => {
      toast(answer.message);
      void queries.invalidateQueries({ queryKey: ["tokens"] });
    }, toastError);
  return (
    <section aria-labelledby="tokens">
      <header className="row">
        <h2 id="tokens" className="grow">
          Tokens
        </h2>
        {mayWrite && (
          <button className="button" onClick={() => setMaking(true)}>
            New token
          </button>
        )}
      </header>
      {error && <p className="problem">{messageOf(error)}</p>}
      {tokens?.length === 0 && <p className="faint">None but the owner’s.</p>}
      <ul className="things">
        {tokens?.map((token) => (
          <li key={token.tokenId}>
            <span className="grow clip">
              {lineOf(token.name)}
              {token.tokenId === me.tokenId && <span className="faint"> (this browser’s)</span>}
            </span>
            <span className="faint clip">
              {token.sessionId ? <OneSession sessionId={token.sessionId} /> : SCOPES[token.scope]}
            </span>
            <Time at={token.createdAt} />
            {mayWrite && (
              <button className="button" aria-label={`Revoke ${token.name}`} onClick={() => setRevoking(token)}>
                Revoke
              </button>
            )}
          </li>
        ))}
      </ul>
      {making && <Make onClose={() => setMaking(false)} />}
      {revoking && (
        <Confirm
          title={`Revoke “${lineOf(revoking.name)}”?`}
          text="Whoever uses it is logged out at once, and what they follow ends."
          action="Revoke"
          onYes={() => void revoke(revoking)}
          onClose={() => setRevoking(undefined)}
        />
      )}
    </section>
  );
}

function OneSession({ sessionId }: { sessionId: string }) {
  const { data } = useSession(sessionId);
  return <>only “{data ? nameOf(data) : sessionId}”</>;
}

/** Asks for a token, then shows its secret, which nobody can look up again. */
function Make({ onClose }: { onClose: () => void }) {
  const queries = useQueryClient();
  const { sessions } = useSessions({ archived: "false" });
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Token["scope"]>("full");
  const [chosen, setChosen] = useState("");
  const [secret, setSecret] = useState("");
  const { busy, text, other, headers, run } = useSending();
  const sessionId = chosen || (sessions[0]?.sessionId ?? "");
  const send = () =>
    run(async () => {
      const given = { name: name.trim() };
      const body = scope === "session" ? { ...given, scope, sessionId } : { ...given, scope };
      const made = await ask(createToken({ body, headers: headers(body) }));
      setSecret(made.secret);
      void queries.invalidateQueries({ queryKey: ["tokens"] });
    });
  if (secret) return <Secret name={name} secret={secret} onClose={onClose} />;
  const footer = <Buttons action="Make it" busy={busy} onClose={onClose} />;
  return (
    <Dialog title="New token" onClose={onClose} onSubmit={() => void send()} footer={footer}>
      <label className="field">
        <span>Name: what it is for</span>
        <input
          className="input"
          required
          pattern=".*\S.*"
          maxLength={80}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      <label className="field">
        <span>Scope</span>
        <select className="input" value={scope} onChange={(event) => setScope(event.target.value as Token["scope"])}>
          <option value="full">Everything: sessions, terminals, tokens</option>
          <option value="read">Only to read</option>
          <option value="session" disabled={sessions.length === 0}>
            One session, without terminals
          </option>
        </select>
      </label>
      {scope === "session" && (
        <label className="field">
          <span>Session</span>
          <select className="input" value={sessionId} onChange={(event) => setChosen(event.target.value)}>
            {sessions.map((session) => (
              <option key={session.sessionId} value={session.sessionId}>
                {nameOf(session)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Said text={text || other()} />
    </Dialog>
  );
}

function Secret({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  const [copied, setCopied] = useState(false);
  const footer = (
    <button type="button" className="button primary" onClick={onClose}>
      I have kept it
    </button>
  );
  return (
    <Dialog title={`Token “${name}”`} onClose={onClose} footer={footer}>
      <p>Keep it now: it is not shown again.</p>
      <div className="row">
        <input
          className="input mono grow"
          aria-label="Token"
          readOnly
          value={secret}
          onFocus={(event) => event.target.select()}
        />
        <button
          type="button"
          className="button"
          onClick={() => void navigator.clipboard.writeText(secret).then(() => setCopied(true), toastError)}
        >
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
      <p className="faint">
        Programs send it as <code>Authorization: Bearer …</code>; a browser takes it on the login page.
      </p>
    </Dialog>
  );
}
