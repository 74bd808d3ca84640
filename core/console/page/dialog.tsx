import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** A modal dialog for as long as it is rendered: the browser keeps the focus inside, and Escape closes it. */
export function Dialog(props: { title: string; wide?: boolean; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current!.showModal();
    return () => opener instanceof HTMLElement && opener.focus();
  }, []);
  return (
    <dialog ref={dialog} class={props.wide ? "wide" : ""} aria-labelledby="dialog-title" onClose={props.onClose}>
      <h2 id="dialog-title">{props.title}</h2>
      {props.children}
    </dialog>
  );
}

export interface ConfirmProps {
  title: string;
  text: string;
  /** What the button says that does it. */
  verb: string;
  danger?: boolean;
  busy: boolean;
  onConfirm: () => void;
  onClose: () => void;
}

/** Asks first; what changes nothing has the focus. */
export function Confirm({ title, text, verb, danger = false, busy, onConfirm, onClose }: ConfirmProps) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <div class="actions end">
        <button type="button" autofocus onClick={onClose}>
          Cancel
        </button>
        <button type="button" class={danger ? "danger" : "primary"} aria-disabled={busy} onClick={onConfirm}>
          {verb}
        </button>
      </div>
    </Dialog>
  );
}
