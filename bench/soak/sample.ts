import { readdirSync } from "node:fs";
import type { SluiceProcess } from "../../test/support/sluice-process.ts";
import { cpuOf } from "../cpu.ts";
import { bySink, sum } from "../exposition.ts";
import { memoryOf, statusOf } from "../process.ts";
import type { Stage } from "./stage.ts";

const MiB = 2 ** 20;

/** How the pump is at one moment. */
export interface Sample {
  /** Seconds since the start. */
  at: number;
  memoryMb: number;
  /** Of it: JavaScript in use by the supervisor, by all sinks' threads, and shared memory for records. */
  parts: { supervisorMb: number; sinksMb: number; slabsMb: number };
  handles: number;
  threads: number;
  /** CPU used until now, seconds. */
  cpuSeconds: number;
  /** Of the supervisor's event loop, 99 of 100 turns since the sample before. */
  loopMs: number;
  /** Used by Redis. */
  redisMb: number;
  /** Records offered until now. */
  pushed: number;
  /** Records in the gateway's list. */
  live: number;
  sinks: { [name: string]: SinkSample };
}

/** Records; the counters begin at 0 where the sink was replaced. */
export interface SinkSample {
  delivered: number;
  lag: number;
  /** Calls tried again and records given again. */
  repeats: number;
}

export async function sample(sluice: SluiceProcess, { redis }: Stage, at: number, pushed: number): Promise<Sample> {
  const [text, info] = await Promise.all([sluice.metrics(), redis.client.info("memory")]);
  const of = (metric: string) => bySink(text, metric);
  const mb = (metric: string) => sum(text, metric) / MiB;
  const [lag, retries, again] = [
    of("sluice_sink_lag_records"),
    of("sluice_sink_retries_total"),
    of("sluice_sink_redelivered_records_total"),
  ];
  const sinks = [...of("sluice_sink_delivered_records_total")].map(([name, delivered]) => {
    const repeats = (retries.get(name) ?? 0) + (again.get(name) ?? 0);
    return [name, { delivered, lag: lag.get(name) ?? 0, repeats }] as const;
  });
  return {
    at,
    memoryMb: memoryOf(sluice.pid, "VmRSS"),
    parts: {
      supervisorMb: mb("nodejs_heap_size_used_bytes"),
      sinksMb: mb("sluice_actor_heap_bytes"),
      slabsMb: mb("sluice_slab_bytes"),
    },
    handles: readdirSync(`/proc/${sluice.pid}/fd`).length,
    threads: statusOf(sluice.pid, "Threads"),
    cpuSeconds: cpuOf([sluice]),
    loopMs: sum(text, "nodejs_eventloop_lag_p99_seconds") * 1000,
    redisMb: Number(/^used_memory:(\d+)/m.exec(info)?.[1]) / MiB,
    pushed,
    live: sum(text, "sluice_live_records"),
    sinks: Object.fromEntries(sinks),
  };
}
