import { type ReactNode, type RefObject, useId, useLayoutEffect, useRef } from "react";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  /** Buttons, the main one last. */
  footer?: ReactNode;
  /** Makes the whole dialog a form. */
  onSubmit?: () => void;
}

/** Show a dialog as long as it is rendered; its end gives the focus back, which only one that is still there can do. */
export function useModal(dialog: RefObject<HTMLDialogElement | null>): void {
  useLayoutEffect(() => {
    const element = dialog.current!;
    if (!element.open) element.showModal();
    element.querySelector<HTMLElement>(".body :is(input, textarea, select)")?.focus(); // rather than "Close"
    return () => element.close();
  }, [dialog]);
}

/** A modal dialog: the browser keeps the focus in it, gives it back, and closes it by Escape. */
export function Dialog({ title, onClose, children, footer, onSubmit }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useModal(dialog);
  const content = (
    <>
      <header>
        <h2 id={id}>{title}</h2>
        <button type="button" className="button plain icon" aria-label="Close" onClick={onClose}>
          ✕
        </button>
      </header>
      <div className="body">{children}</div>
      {footer && <footer>{footer}</footer>}
    </>
  );
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose(); // beside it, on its backdrop
      }}
    >
      {onSubmit ? (
        <form
          className="contents"
          onSubmit={(event) => {
            event.preventDefault();
            onSubmit();
          }}
        >
          {content}
        </form>
      ) : (
        content
      )}
    </dialog>
  );
}

interface Question {
  title: string;
  text: ReactNode;
  action: string;
  onYes: () => void;
  onClose: () => void;
}

/** A question before something that can't be undone. */
export function Confirm({ title, text, action, onYes, onClose }: Question) {
  const footer = (
    <>
      <button type="button" className="button" onClick={onClose}>
        Cancel
      </button>
      <button className="button danger">{action}</button>
    </>
  );
  const submit = () => {
    onYes();
    onClose();
  };
  return (
    <Dialog title={title} onClose={onClose} onSubmit={submit} footer={footer}>
      <p>{text}</p>
    </Dialog>
  );
}
