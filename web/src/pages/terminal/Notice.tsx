import type { State } from "./view";

const TROUBLES = {
  refused: "The program does not read. What you typed waits.",
  unreachable: "There is no connection. What you typed waits.",
  lost: "The connection broke: what you typed last may have arrived or not.",
  denied: "This token may not type here.",
  full: "Too much waits to be typed; the last of it was left out.",
} as const;

interface Props {
  state: State;
  mayType: boolean;
  onControl: (control: boolean) => void;
  onAgain: () => void;
}

/** The one line that says how the terminal stands, if that is not as one would expect. */
export function Notice({ state, mayType, onControl, onAgain }: Props) {
  const { ended, gone, problem, trouble, size, wanted, control, unsent } = state;
  const differs = size && wanted && (size.cols !== wanted.cols || size.rows !== wanted.rows);
  let text = "";
  let act: { title: string; onClick: () => void } | undefined;
  if (gone) text = "This terminal is gone.";
  else if (ended) text = ended.exitCode === undefined ? "It has ended." : `It has ended with exit code ${ended.exitCode}.`;
  else if (problem) text = problem;
  else if (trouble) text = unsent ? `${TROUBLES[trouble]} (${unsent} bytes)` : TROUBLES[trouble];
  else if (!mayType) text = "This token may only look.";
  else if (differs) {
    text = `Another viewer limits the size to ${size.cols} × ${size.rows}.`;
    act = { title: "Take control", onClick: () => onControl(true) };
  } else if (control) {
    text = "You decide the size for all who look.";
    act = { title: "Let all decide", onClick: () => onControl(false) };
  }
  if ((gone || ended) && mayType) act = { title: "New terminal", onClick: onAgain };
  if (!text) return null;
  return (
    <div className="notices">
      <div className="row notice">
        <span className="grow" role="status">
          {text}
        </span>
        {act && (
          <button className="button" onClick={act.onClick}>
            {act.title}
          </button>
        )}
      </div>
    </div>
  );
}
