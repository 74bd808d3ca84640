import { useState } from "preact/hooks";
import { announce } from "./toasts.tsx";
import { look } from "./watch.ts";

/**
 * Something that the pump is asked for, and whether it is under way. One at a time: its buttons are aria-disabled meanwhile, for a
 * disabled one would lose the focus.
 */
export function useAct(): { busy: boolean; act: (work: () => Promise<string>) => Promise<boolean> } {
  const [busy, setBusy] = useState(false);
  return {
    busy,
    /** `work` gives what to tell when it is done. False: it failed, and that was told, or another is under way. */
    async act(work) {
      if (busy) return false;
      setBusy(true);
      try {
        announce(await work());
        return true;
      } catch (error) {
        announce(error instanceof Error ? error.message : String(error), "bad");
        return false;
      } finally {
        setBusy(false);
        void look();
      }
    },
  };
}
