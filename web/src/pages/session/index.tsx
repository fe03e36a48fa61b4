import "./session.css";
import { lazy, Suspense, useMemo, useState } from "react";
import { Link, useLocation } from "wouter";
import { ApiProblem, ask, messageOf } from "../../api/client";
import { useAgents } from "../../api/queries";
import { exportSession } from "../../api/gen";
import { useApp, useSessionState, useStore, useViewPart } from "../../app";
import { useCommand } from "../../keys";
import { nameOf, useSessionActions } from "../../manage/actions";
import { Boundary } from "../../parts/Boundary";
import { Menu } from "../../parts/Menu";
import { StatusDot } from "../../parts/StatusDot";
import { Title } from "../../parts/Title";
import { visible } from "../../parts/visible";
import { Composer } from "./Composer";
import { copy } from "../../parts/copy";
import { Dock } from "./Dock";
import { Folds, type Panel, PlaceContext } from "./place";
import { Transcript } from "./Transcript";
import { count } from "./words";

const Context = lazy(() => import("./Context"));
const Changes = lazy(() => import("./Changes"));
const Review = lazy(() => import("./Review"));

/** One session: what happened, what waits, and what to say next. */
export default function Session({ sessionId }: { sessionId: string }) {
  const store = useStore(sessionId);
  const { me } = useApp();
  const ready = useViewPart(store, (view) => view.ready);
  const error = useViewPart(store, (view) => view.error);
  const deleted = useViewPart(store, (view) => view.deleted);
  const mode = useSessionState(store, (state) => state.session.mode);
  const agents = useAgents().data;
  const [folds] = useState(() => new Folds());
  const [panel, show] = useState<Panel>();
  const protocol = agents?.find((agent) => agent.mode === mode)?.protocol;
  const shell = protocol === "shell" || mode === "shell";
  const writable = me.scope !== "read";
  const place = useMemo(() => ({ store, shell, writable, folds, show }), [store, shell, writable, folds]);
  if (!ready) return error ? <Missing error={error} /> : null;
  return (
    <PlaceContext value={place}>
      <div className={panel ? "session with-panel" : "session"}>
        <Head panel={panel} onShow={show} sessionId={sessionId} />
        <div className="conversation">
          <Transcript />
          {error !== undefined && (
            <p className="notice problem" role="alert">
              Not all is here: {messageOf(error)}
            </p>
          )}
          {deleted ? (
            <p className="empty">
              This session was deleted. <Link href="/sessions">All sessions</Link>
            </p>
          ) : (
            <>
              <Dock />
              <Composer />
            </>
          )}
        </div>
        {panel && (
          <Boundary name={JSON.stringify(panel)}>
            <Suspense fallback={<aside className="panel" />}>
              {panel.name === "context" && <Context onClose={() => show(undefined)} />}
              {panel.name === "changes" && <Changes onClose={() => show(undefined)} />}
              {panel.name === "review" && (
                <Review key={panel.planId} planId={panel.planId} onClose={() => show(undefined)} />
              )}
            </Suspense>
          </Boundary>
        )}
      </div>
    </PlaceContext>
  );
}

function Missing({ error }: { error: unknown }) {
  const gone = error instanceof ApiProblem && (error.status === 404 || error.status === 410);
  return (
    <div className="empty" role="alert">
      <Title>{gone ? "No session" : "Session"}</Title>
      <h1>{gone ? "No session here" : "The session can’t be shown now"}</h1>
      <p className="problem">{messageOf(error)}</p>
      <p>{gone ? <Link href="/sessions">All sessions</Link> : "The page tries again by itself."}</p>
    </div>
  );
}

interface HeadProps {
  sessionId: string;
  panel: Panel | undefined;
  onShow: (panel: Panel | undefined) => void;
}

function Head({ sessionId, panel, onShow }: HeadProps) {
  const store = useStore(sessionId);
  const status = useSessionState(store, (state) => state.session.status)!;
  const title = nameOf({ title: useSessionState(store, (state) => state.session.title) ?? "" });
  useSessionState(store, ({ session: { archived, projectId } }) => `${archived} ${projectId}`); // the menu depends on it
  const cwd = useSessionState(store, (state) => state.cwd);
  const usage = useSessionState(store, (state) => state.usage);
  const waiting = useSessionState(store, (state) => state.pendingApprovals.length) ?? 0;
  const turn = (name: "context" | "changes") => onShow(panel?.name === name ? undefined : { name });
  const { menu } = useSessionActions();
  const [, navigate] = useLocation();
  const all = () => {
    const text = ask(exportSession({ path: { sessionId }, query: { format: "markdown" }, parseAs: "text" }));
    void copy(text, "The whole session");
  };
  useCommand("session.context", () => turn("context"));
  useCommand("session.changes", () => turn("changes"));
  useCommand("session.all", all);
  return (
    <header className="row">
      <Title waiting={waiting}>{title}</Title>
      <h1 className="clip">{title}</h1>
      <StatusDot status={status} word />
      <span className="grow faint mono clip" title={cwd}>
        {cwd && visible(cwd)}
      </span>
      <button
        className="button plain meter"
        aria-pressed={panel?.name === "context"}
        onClick={() => turn("context")}
        title="What the agent has before it"
      >
        Context
        {usage && usage.size > 0 && (
          <span className="faint">
            {Math.round((usage.used / usage.size) * 100)} %<span className="wide"> of {count(usage.size)}</span>
          </span>
        )}
      </button>
      <Menu
        label="More"
        items={[
          { title: "Changed files", onSelect: () => turn("changes") },
          { title: "Terminals", onSelect: () => navigate(`/terminal/${sessionId}`) },
          { title: "Copy all as Markdown", onSelect: all },
          null,
          ...menu(store.state()!.session),
        ]}
      >
        ⋯
      </Menu>
    </header>
  );
}
