import { Piscina } from "piscina";
import type { BatchRequest } from "../demo/batch.ts";
import type { Analytics } from "./analytics.ts";
import type { Decoded, DecodeRequest } from "./decode.ts";
import { packRecords, unpackRecords } from "./packed.ts";

/** The host's own stateless work, off the supervisor's thread. Its threads have no identity: any takes any task. */
export interface Compute {
  /** Encoded demo records. The same request gives the same bytes. */
  generate(request: BatchRequest): Promise<Uint8Array[]>;
  /** What the sinks have stored in this file of SQLite. Rejects where its tables are not there. */
  analytics(file: string): Promise<Analytics>;
  /** Records by their fields. */
  decode(request: Omit<DecodeRequest, "packed"> & { records: readonly Uint8Array[] }): Promise<Decoded[]>;
  /** Ends the threads; open tasks are rejected. */
  close(): Promise<void>;
}

/** The part of it that feeding needs. */
export type Generator = Pick<Compute, "generate">;

export interface ComputeOptions {
  /** Default 1: the sinks need the other cores more. */
  threads?: number;
  /** They start with the first task, and end after so long without one, ms. Default: they start at once, and stay. */
  idleMs?: number;
}

export function createCompute({ threads = 1, idleMs }: ComputeOptions = {}): Compute {
  const pool = new Piscina({
    filename: new URL("./worker.ts", import.meta.url).href,
    // Started at once, so that they load while the rest starts.
    ...(idleMs === undefined ? { minThreads: threads } : { minThreads: 0, idleTimeout: idleMs }),
    maxThreads: threads,
  });
  return {
    async generate(request) {
      return unpackRecords((await pool.run(request, { name: "generate" })) as Uint8Array);
    },
    analytics: (file) => pool.run(file, { name: "analytics" }),
    decode: ({ records, ...request }) => pool.run({ ...request, packed: packRecords(records) }, { name: "decode" }),
    close: () => pool.destroy(),
  };
}
