import type { ToThread } from "@sluice/sdk/runtime";
import type { Body } from "./body.ts";

/** Posts a slab once and its number from then on: shared memory in a message makes objects that burden the collector. */
export function slabSender(post: (message: ToThread) => void): Pick<Body, "send" | "forget"> {
  const numbers = new Map<SharedArrayBuffer, number>();
  let next = 0;
  return {
    send({ part, ...piece }) {
      const known = numbers.get(part.slab);
      const keep = known === undefined ? next++ : null;
      if (keep !== null) numbers.set(part.slab, keep);
      post({ t: "batch", ...piece, part: { ...part, slab: known ?? part.slab }, keep });
    },
    forget(slab) {
      const known = numbers.get(slab);
      if (known === undefined) return;
      numbers.delete(slab);
      post({ t: "forget", slab: known });
    },
  };
}
