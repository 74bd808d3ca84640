import type { Checked, Previewed, PreviewRequest } from "@sluice/sdk/runtime";
import { Actor } from "../actor/actor.ts";
import { homeOf } from "../actor/home.ts";
import { limitsFor } from "../actor/limits.ts";
import type { SinkConfig } from "../config/config.ts";
import { helloOf } from "../supervisor/crew.ts";

const MiB = 2 ** 20;
/** A connection that is not made by then will not be waited for. */
const OPEN_MS = 15_000;
const CLOSE_MS = 1000;

export type Answer = Checked | Previewed | { t: "failed"; error: NonNullable<Checked["error"]> };

/** Asks a sink's plugin in a thread of its own, with the rights that it has there, without opening the sink. Without a request: whether it could open. */
export function dryRun(sink: SinkConfig, preview?: PreviewRequest): Promise<Answer> {
  return new Promise((resolve) => {
    const failed = (code: string, message: string) => resolve({ t: "failed", error: { name: "Error", code, message } });
    const answered = (answer: Answer) => {
      resolve(answer);
      void actor.close("stop", performance.now() + CLOSE_MS);
    };
    const actor = new Actor(
      { ...helloOf(sink, 0), ...(preview ? { preview } : { dry: true }) },
      { heap: sink.heapMb * MiB, external: sink.heapMb * MiB },
      {
        ready(ready) {
          const limits = limitsFor(ready, sink.timeoutMs);
          return { ...limits, ms: { ...limits.ms, open: OPEN_MS } };
        },
        opened: () => {},
        message: () => {},
        checked: answered,
        previewed: answered,
        fatal: (_, error) => answered({ t: "failed", error }),
        exit: ({ reason }) => failed("SLUICE_PLUGIN_ENTRY", `Its plugin could not be run: ${reason}.`),
      },
      () => {},
      homeOf(sink),
    );
  });
}
