import { useQuery } from "@tanstack/react-query";
import { ask, messageOf } from "../../api/client";
import { type ContextEntry, getSessionContext } from "../../api/gen";
import { useSessionState } from "../../app";
import { Time } from "../../parts/Time";
import { visible } from "../../parts/visible";
import { Panel } from "./Panel";
import { usePlace } from "./place";
import { count, size, within } from "./words";

const HOW: Record<ContextEntry["how"], string> = { given: "Given", read: "Read", written: "Written", deleted: "Deleted" };

/** What the agent has before it: files given, read and written, and how full its window is. */
export default function Context({ onClose }: { onClose: () => void }) {
  const { store } = usePlace();
  const usage = useSessionState(store, (state) => state.usage);
  const turn = useSessionState(store, (state) => state.turn?.turnId);
  const { data, error, isPending } = useQuery({
    queryKey: ["context", store.sessionId, turn, usage?.seq],
    queryFn: () => ask(getSessionContext({ path: { sessionId: store.sessionId } })),
    placeholderData: (before) => before,
  });
  const window = usage ?? data?.window;
  return (
    <Panel title="Context" onClose={onClose}>
      {window && window.size > 0 && (
        <div className="usage">
          <p className="line">
            <span className="grow">Window</span>
            <span className="count">
              {count(window.used)} of {count(window.size)} tokens
            </span>
          </p>
          <meter aria-label="Window used" min={0} max={window.size} high={window.size * 0.8} value={window.used} />
          {window.cost && (
            <p className="line faint">
              <span className="grow">Cost so far</span>
              {window.cost.amount.toFixed(2)} {window.cost.currency}
            </p>
          )}
        </div>
      )}
      {error && <p className="problem">{messageOf(error)}</p>}
      {data?.files.length === 0 && <p className="empty">No file was given, read or written yet.</p>}
      {data && data.files.length > 0 && (
        <>
          <p className="faint">About {count(data.tokenEstimate)} tokens in files</p>
          {(["given", "written", "read", "deleted"] as const).map((how) => (
            <Files key={how} title={HOW[how]} files={data.files.filter((file) => file.how === how)} />
          ))}
        </>
      )}
      {isPending && <p className="empty">…</p>}
    </Panel>
  );
}

function Files({ title, files }: { title: string; files: ContextEntry[] }) {
  const { store } = usePlace();
  if (files.length === 0) return null;
  return (
    <section>
      <h3>{title}</h3>
      <ul className="files">
        {files.map((file, place) => (
          <li key={place} className="row">
            <span className="grow clip mono" title={file.path}>
              {visible(file.path === undefined ? (file.name ?? file.blobId ?? "") : within(file.path, store.state()?.session.workingDir))}
            </span>
            <span className="faint count">
              {file.tokenEstimate === null ? (file.size === null ? "" : size(file.size)) : `~${count(file.tokenEstimate)}`}
            </span>
            <Time at={file.lastTouched} />
          </li>
        ))}
      </ul>
    </section>
  );
}
