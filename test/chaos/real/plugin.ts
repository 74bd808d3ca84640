import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SinkConfig } from "../../../core/config/config.ts";
import { loadConfig } from "../../../core/config/load.ts";
import type { DiskEvent, PluginName, PostgresEvent } from "./plan.ts";

/** What Redis kept, and what it may have kept. */
export interface Pushed {
  /** Numbers below this were given to it. */
  given: number;
  doubtful: ReadonlySet<number>;
}

/** What a sink has against it. */
export interface Found {
  wrong: string[];
  /** Deliveries beyond the first of each record. */
  repeated: number;
}

/** A sink that Sluice brings, before a real destination. */
export interface Plugin {
  readonly name: PluginName;
  /** Its configuration for an instance. */
  sink(instance: number): SinkConfig;
  happen(event: DiskEvent | PostgresEvent): Promise<void>;
  /** `repeats`: so many records may have come again, at most. */
  verdict(pushed: Pushed, repeats: { faults: number; renamed: number }): Promise<Found>;
  stop(): Promise<void>;
}

/** As the loader gives it, from its `meta`. */
export function loadedSink(folder: string, name: PluginName, meta: object, timeout: number): SinkConfig {
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, JSON.stringify({ pumps: { [name]: { type: name, meta, timeout } } }));
  const { config, problems } = loadConfig({ file, env: {}, cwd: folder });
  const [sink] = config.sinks;
  if (!sink) throw new Error(`${name} cannot be configured: ${problems.map(({ message }) => message).join("; ")}`);
  return sink;
}
