import { useEffect, useState } from "preact/hooks";

/** Short messages that are shown for a while and read out. */
interface Toast {
  id: number;
  text: string;
  tone: "note" | "bad";
}

const SHOWN_MS = 7000;
const MOST = 4;

let toasts: readonly Toast[] = [];
let next = 0;
let changed: (toasts: readonly Toast[]) => void = () => {};

function set(now: readonly Toast[]): void {
  toasts = now;
  changed(now);
}

export function announce(text: string, tone: Toast["tone"] = "note"): void {
  const id = next++;
  set([...toasts, { id, text, tone }].slice(-MOST));
  setTimeout(() => set(toasts.filter((toast) => toast.id !== id)), SHOWN_MS);
}

export function Toasts() {
  const [shown, setShown] = useState(toasts);
  useEffect(() => {
    changed = setShown;
  }, []);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, tone }) => (
        <p key={id} class={`toast ${tone}`}>
          {text}
        </p>
      ))}
    </div>
  );
}
