import type { Config, DeliveryConfig, DiskLogConfig, SinkConfig } from "../config/config.ts";
import type { DeliveryLog, HomeList } from "../log/log.ts";
import type { ReplayLetter } from "../log/replay-list.ts";
import type { Logger } from "../logging/logger.ts";
import type { Crew } from "../supervisor/crew.ts";
import type { Status } from "../supervisor/status.ts";
import type { SinkChanges } from "../supervisor/supervisor.ts";

/** What a command needs of the supervisor. */
export interface Pump {
  /** Resolves when the actors are starting and the drain runs. */
  start(): Promise<void>;
  status(): Status;
  /** Settles what is in hand within the deadline and closes the log; `released`: records handed back to it. */
  stop(deadlineMs: number): Promise<{ released: number }>;
  /** Runs these sinks from now on, and leaves those that do not differ alone. */
  change(sinks: readonly SinkConfig[]): Promise<SinkChanges>;
  /** Nothing live, and nothing unacknowledged in any sink that is not suspended. */
  idle(): boolean;
  /** Measures lag and backlog now. */
  measure(): Promise<void>;
  /** The actors of a sink; undefined: there is no such sink. */
  crew(sink: string): Crew | undefined;
  /** Gives dead letters of a list to their sink again; how many were taken up. */
  replay(sink: string, list: HomeList, letters: readonly ReplayLetter[]): number;
}

/** The embedded log takes records itself: there is no gateway that pushes them. */
export interface EmbeddedLog extends DeliveryLog {
  /** All or none; synced to disk when it returns. The bytes are copied. */
  append(list: string, records: readonly Uint8Array[]): unknown;
}

/** Makes the parts of a running pump; tests give others. */
export interface Parts {
  createLog(config: Config, logger: Logger): Promise<DeliveryLog>;
  createEmbeddedLog(config: DiskLogConfig, delivery: DeliveryConfig): Promise<EmbeddedLog>;
  createPump(options: { config: Config; log: DeliveryLog; logger: Logger }): Promise<Pump>;
}
