/** What the forms about sessions and projects have in common. */
import type { Project } from "../api/gen";

/** The buttons of a form: leave it, or do it. */
export function Buttons({ action, busy, danger, onClose }: { action: string; busy: boolean; danger?: boolean; onClose: () => void }) {
  return (
    <>
      <button type="button" className="button" onClick={onClose}>
        Cancel
      </button>
      <button className={danger ? "button danger" : "button primary"} disabled={busy}>
        {action}
      </button>
    </>
  );
}

/** Why a form could not be sent. */
export const Said = ({ text }: { text: string }) => (
  <p className="problem" role="alert" hidden={!text}>
    {text}
  </p>
);

export function ProjectChoice({
  projects,
  value,
  onChange,
}: {
  projects: Project[];
  value: string;
  onChange: (projectId: string) => void;
}) {
  return (
    <label className="field">
      <span>Project</span>
      <select className="input" value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">None</option>
        {projects.map(({ projectId, name }) => (
          <option key={projectId} value={projectId}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** A directory as the server is told it: what was completed ends with a slash. */
export const tidy = (path: string): string => path.trim().replace(/(.)\/+$/, "$1");
