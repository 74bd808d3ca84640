import { EXIT } from "./errors.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

export interface StopSignal {
  /** Aborts at the first signal. */
  readonly signal: AbortSignal;
  /** Resolves with the first signal's name. */
  readonly received: Promise<NodeJS.Signals>;
  /** As a first SIGTERM; asked for again, it changes nothing. */
  ask(): void;
}

/** The first SIGINT or SIGTERM asks for an orderly stop; a second one ends the process at once. */
export function watchSignals(say: (message: string) => void): StopSignal {
  const controller = new AbortController();
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  const onSignal = (name: NodeJS.Signals) => {
    if (controller.signal.aborted) {
      say("Stopped at once. Nothing is lost: what was in hand is delivered again at the next start.");
      process.exit(EXIT.interrupted);
    }
    controller.abort();
    resolve(name);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const ask = () => {
    if (!controller.signal.aborted) onSignal("SIGTERM");
  };
  return { signal: controller.signal, received: promise, ask };
}
