import type { Status } from "../supervisor/status.ts";
import type { LetterFilter, LetterSummary, LetterView } from "./letters.ts";
import type { Comparison, Profile } from "./profile.ts";

/** Over HTTP each answer names the version of the pump that gave it. */
export const VERSION_HEADER = "Sluice-Version";

/**
 * What an operator can ask of a running pump. The routes serve it over the instance's socket and to the console; the
 * commands are its clients. Each method throws ControlError for what cannot be done.
 */
export interface Control {
  about(): About;
  status(): Status;
  /** A snapshot now, and one each second. To watch so costs the pump a fifth of what asking each second does. */
  follow(): AsyncIterable<Status>;
  /** Hands the sink nothing more until `resume`; its backlog waits in the log. Holds for this process only. */
  suspend(sink: string): Promise<void>;
  /** Ends a suspension, whoever made it, and tries at once. */
  resume(sink: string): Promise<void>;
  /** Reads the configuration again and changes what differs. Throws, with the problems, where it is invalid: all stays as it was. */
  reload(): Promise<Reloaded>;
  /** An orderly stop, as SIGTERM. Resolves when it is asked for, not when it is done. */
  stop(): void;
  /** Measures one sink; `cpu`: with samples of its stack. It ends early when `signal` aborts. */
  profile(sink: string, seconds: number, cpu: boolean, signal?: AbortSignal): Promise<Profile>;
  /** Measures all sinks together, and says which is the bottleneck. */
  profileAll(seconds: number, signal?: AbortSignal): Promise<Comparison>;
  tap(sink: string, records: number): AsyncIterable<Tapped>;
  letters: Letters;
}

export interface Letters {
  list(filter: LetterFilter): Promise<LetterSummary>;
  show(id: string, redact: boolean): Promise<LetterView>;
  /** Gives them to their sink, and to it only; each is deleted once delivered. */
  replay(filter: LetterFilter): Promise<Replayed>;
  /** How many there were. */
  drop(filter: LetterFilter): Promise<number>;
}

export interface Replayed {
  /** Taken up: on their way to their sink. */
  records: number;
  /** Left where they are, and why. */
  skipped: { reason: string; letters: number }[];
}

export interface About {
  version: string;
  pid: number;
  /** Milliseconds since 1970. */
  startedAt: number;
  /** The file, or null: variables and defaults alone. */
  configuration: string | null;
}

/** Sinks by what a reload did to them. */
export interface Reloaded {
  started: string[];
  stopped: string[];
  replaced: string[];
  unchanged: string[];
  /** What differs and takes effect only after a restart, by path of the configuration. */
  restart: string[];
}

/** One record as a sink would get it: after its filters and preparation. */
export interface Tapped {
  /** Empty: the record is still in the live list. */
  chunk: string;
  index: number;
  /** False: its filters leave it out, or it cannot be decoded. */
  taken: boolean;
  /** By the JSON names of its fields; null: it cannot be decoded. */
  record: { [field: string]: unknown } | null;
  /** As the sink would send it; null: the sink leaves it out. Absent: its plugin does not tell. */
  sends?: string | null;
  /** Why its plugin, which could tell, failed to. */
  failed?: string;
}
