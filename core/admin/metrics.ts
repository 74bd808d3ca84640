import type { Status } from "../supervisor/status.ts";
import { exposition } from "./exposition.ts";
import { FAMILIES, type Family } from "./families.ts";
import { watchProcess } from "./process.ts";
import { PROCESS_FAMILIES } from "./process-families.ts";

/** The text of /metrics: one snapshot of the status, and one of the process, at each scrape. */
export function createMetrics(status: () => Status, version: string): () => string {
  const build: Family<unknown> = {
    name: "sluice_build_info",
    help: "Always 1; the label tells the version.",
    type: "gauge",
    samples: () => [{ labels: { version }, value: 1 }],
  };
  const ofStatus = exposition<Status>([build, ...FAMILIES]);
  const ofProcess = exposition(PROCESS_FAMILIES);
  const look = watchProcess();
  return () => ofProcess(look()) + ofStatus(status());
}
