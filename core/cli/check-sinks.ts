import type { SinkConfig } from "../config/config.ts";
import { dryRun } from "../control/dry-run.ts";
import type { Trial } from "./check-report.ts";

/**
 * Has the sink's plugin look whether it could open, in a thread of its own and with the rights that it has there. It
 * writes nothing; a plugin without `check` is not tried.
 */
export async function checkSink(sink: SinkConfig, place: string): Promise<Trial> {
  const subject = `sink ${sink.name} (${sink.type})`;
  const answer = await dryRun(sink);
  const { error } = answer;
  if (error === null) {
    const seen = answer.t === "checked" ? answer.seen : null;
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
