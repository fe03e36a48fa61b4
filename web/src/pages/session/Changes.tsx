import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { ask, messageOf } from "../../api/client";
import { type ChangedFile, getChanges } from "../../api/gen";
import { useSessionState } from "../../app";
import { visible } from "../../parts/visible";
import { Panel } from "./Panel";
import { Patch } from "./Patch";
import { type Hunk, parse } from "./patch";
import { useFold, usePlace } from "./place";
import { plural } from "./words";

/** What a session changed in its worktree, since its base commit. */
export default function Changes({ onClose }: { onClose: () => void }) {
  const { store } = usePlace();
  const turn = useSessionState(store, (state) => state.turn?.turnId);
  const { data, error, isPending, isFetching, refetch } = useQuery({
    queryKey: ["changes", store.sessionId, turn],
    queryFn: () => ask(getChanges({ path: { sessionId: store.sessionId } })),
    placeholderData: (before) => before,
    retry: false,
  });
  const patches = useMemo(() => new Map(parse(data?.diff ?? "").map((file) => [file.path, file.hunks])), [data]);
  return (
    <Panel
      title="Changed files"
      onClose={onClose}
      footer={
        <button className="button" disabled={isFetching} onClick={() => void refetch()}>
          Look again
        </button>
      }
    >
      {error && <p className="problem">{messageOf(error)}</p>}
      {isPending && <p className="empty">…</p>}
      {data && (
        <p className="faint">
          {plural(data.files.length, "file")} on <code>{data.branch}</code> since{" "}
          <code>{data.baseCommit.slice(0, 10)}</code>
        </p>
      )}
      {data?.truncated && <p className="faint">The diff is too large to be shown whole.</p>}
      {data?.files.map((file) => (
        <File key={file.path} file={file} hunks={patches.get(file.path) ?? []} />
      ))}
    </Panel>
  );
}

function File({ file, hunks }: { file: ChangedFile; hunks: Hunk[] }) {
  const [open, turn] = useFold(`changes ${file.path}`, false);
  return (
    <figure>
      <button className="fold" aria-expanded={open} onClick={turn}>
        <span className="clip mono">{visible(file.previousPath ? `${file.previousPath} → ${file.path}` : file.path)}</span>
        <span className="how faint">
          {file.status}
          {file.additions !== undefined && <span className="plus">+{file.additions}</span>}
          {file.deletions !== undefined && <span className="minus">−{file.deletions}</span>}
        </span>
      </button>
      {open &&
        (hunks.length > 0 ? (
          <Patch hunks={hunks} label={`Changes of ${file.path}`} />
        ) : (
          <p className="faint">There is no text to show: a binary file, or only its name or mode changed.</p>
        ))}
    </figure>
  );
}
