import type { SinkConfig } from "../config/config.ts";
import type { Crew } from "../supervisor/crew.ts";
import type { Status } from "../supervisor/status.ts";
import type { Control, Letters, Tapped } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError } from "./errors.ts";
import { createFollow } from "./follow.ts";
import { createProfiler } from "./profiler.ts";

export interface ControlParts {
  version: string;
  configuration: string | null;
  status(): Status;
  /** Undefined: there is no such sink. */
  crew(sink: string): Crew | undefined;
  /** Undefined: this pump cannot. */
  reload?: Control["reload"] | undefined;
  stop(): void;
  letters: Letters;
  tap(sink: SinkConfig, records: number): AsyncIterable<Tapped>;
}

/** The control interface of the pump in this process. */
export function createControl(parts: ControlParts): Control {
  const { version, configuration, status, stop, letters } = parts;
  const startedAt = Date.now();
  const crewOf = (sink: string) => {
    const crew = parts.crew(sink);
    if (crew === undefined) throw noSink(sink, status());
    return crew;
  };
  const { profile, profileAll } = createProfiler({ status, crew: crewOf });
  return {
    about: () => ({ version, pid: process.pid, startedAt, configuration }),
    status,
    follow: createFollow(status),
    async suspend(sink) {
      await crewOf(sink).suspendByHand();
    },
    async resume(sink) {
      const crew = crewOf(sink);
      if (crew.state === "draining" || crew.state === "stopped")
        throw notPossible(`The sink ${sink} is being stopped.`);
      crew.resume();
    },
    reload: parts.reload ?? (async () => Promise.reject(notPossible("This pump cannot reload: restart it."))),
    stop,
    profile,
    profileAll,
    tap: (sink, records) => parts.tap(crewOf(sink).config, records),
    letters,
  };
}

/** For a name that no sink of the pump has. */
function noSink(name: string, { sinks }: Pick<Status, "sinks">): ControlError {
  const names = sinks.map((sink) => sink.name).join(", ") || "none";
  return new ControlError(
    CONTROL_ERROR_CODES.noSink,
    `The pump has no sink ${name.slice(0, 200)}. There are: ${names}.`,
  );
}

function notPossible(message: string): ControlError {
  return new ControlError(CONTROL_ERROR_CODES.notPossible, message);
}
