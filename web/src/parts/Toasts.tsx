import { useSyncExternalStore } from "react";
import { current, dismiss, watch } from "./toast";

export function Toasts() {
  const toasts = useSyncExternalStore(watch, current);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {toasts.map(({ id, text, bad, action }) => (
        <div key={id} className="toast">
          <span className={bad ? "problem" : undefined}>{text}</span>
          {action && (
            <button
              className="button"
              onClick={() => {
                action.act();
                dismiss(id);
              }}
            >
              {action.title}
            </button>
          )}
          <button className="button plain icon" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}
