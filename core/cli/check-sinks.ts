import type { Checked } from "@sluice/sdk/runtime";
import { Actor } from "../actor/actor.ts";
import { homeOf } from "../actor/home.ts";
import { limitsFor } from "../actor/limits.ts";
import type { SinkConfig } from "../config/config.ts";
import { helloOf } from "../supervisor/crew.ts";
import type { Trial } from "./check-report.ts";

const MiB = 2 ** 20;
/** A connection that is not made by then will not be waited for. */
const OPEN_MS = 15_000;
const CLOSE_MS = 1000;

/**
 * Has the sink's plugin look whether it could open, in a thread of its own and with the rights that it has there. It
 * writes nothing; a plugin without `check` is not tried.
 */
export async function checkSink(sink: SinkConfig, place: string): Promise<Trial> {
  const subject = `sink ${sink.name} (${sink.type})`;
  const { seen, error } = await dryRun(sink);
  if (error === null) {
    if (seen !== null) return { subject, outcome: "ok", seen, findings: [] };
    return { subject, outcome: "not tried", seen: "it can only be tried by writing", findings: [] };
  }
  const { code, message, cause } = error;
  const finding = {
    severity: "error" as const,
    code: code || "SLUICE_SINK_RETRYABLE",
    sink: sink.name,
    place,
    message: cause && !message.includes(cause.message) ? `${message} (${cause.message})` : message,
    mend:
      code === "SLUICE_SINK_FATAL"
        ? "Correct it: until then the sink is suspended and its backlog waits."
        : "The pump starts all the same, keeps the sink's backlog and tries again.",
  };
  return { subject, outcome: "failed", seen: message, findings: [finding] };
}

function dryRun(sink: SinkConfig): Promise<Pick<Checked, "seen" | "error">> {
  return new Promise((resolve) => {
    const failed = (code: string, message: string) => resolve({ seen: null, error: { name: "Error", code, message } });
    const actor = new Actor(
      { ...helloOf(sink, 0), dry: true },
      { heap: sink.heapMb * MiB, external: sink.heapMb * MiB },
      {
        ready(ready) {
          const limits = limitsFor(ready, sink.timeoutMs);
          return { ...limits, ms: { ...limits.ms, open: OPEN_MS } };
        },
        opened: () => {},
        message: () => {},
        checked(answer) {
          resolve(answer);
          void actor.close("stop", Date.now() + CLOSE_MS);
        },
        fatal(_, error) {
          resolve({ seen: null, error });
          void actor.close("stop", Date.now() + CLOSE_MS);
        },
        exit: ({ reason }) => failed("SLUICE_PLUGIN_ENTRY", `Its plugin could not be run: ${reason}.`),
      },
      () => {},
      homeOf(sink),
    );
  });
}
