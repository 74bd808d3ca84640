import { Worker } from "node:worker_threads";
import type { Description } from "./describe-thread.ts";
import type { LockedType } from "./lock.ts";
import { PluginError } from "./manifest.ts";

/** Longest that importing an entry may take, ms. */
const PATIENCE_MS = 10_000;

/**
 * The sink types that a plugin's entry defines. Its code runs in a thread of its own, which is ended at once after.
 * `entry`: a file URL. Throws PluginError.
 */
export async function describePlugin(entry: string): Promise<LockedType[]> {
  const worker = new Worker(new URL("./describe-thread.ts", import.meta.url), {
    workerData: { entry },
    env: {},
    stdout: true,
  });
  try {
    const answer = await new Promise<Description>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => resolve({ error: "its thread ended" }));
      setTimeout(resolve, PATIENCE_MS, { error: `it takes longer than ${PATIENCE_MS / 1000} s` }).unref();
    });
    if ("error" in answer) throw new Error(answer.error);
    return answer.types;
  } catch (error) {
    throw new PluginError("SLUICE_PLUGIN_ENTRY", `${entry} cannot be used: ${(error as Error).message}.`, error);
  } finally {
    await worker.terminate();
  }
}
