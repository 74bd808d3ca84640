import { useState } from "preact/hooks";
import { announce } from "./toasts.tsx";
import { look } from "./watch.ts";

/** Something that the pump is asked for: what was said of it last, and whether it is under way. */
export function useAct(): { busy: boolean; act: (work: () => Promise<string>) => Promise<boolean> } {
  const [busy, setBusy] = useState(false);
  return {
    busy,
    /** `work` gives what to tell when it is done. False: it failed, and that was told. */
    async act(work) {
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
