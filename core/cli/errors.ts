import { maskSecrets } from "../logging/clean.ts";
import { describeError } from "../logging/describe-error.ts";
import { withFullStop } from "./format.ts";

/** What a command ends with. */
export const EXIT = {
  ok: 0,
  failed: 1,
  /** The command line itself was wrong; 1 where it was written in Tyk Pump's style, without a command. */
  usage: 2,
  /** A second signal cut the stop short. */
  interrupted: 130,
} as const;

/** What the commands about a daemon end with besides: 3 as in the Linux Standard Base, 4 our own. */
export const DAEMON_EXIT = { notRunning: 3, notReady: 4 } as const;

/** Ends the command with one line and exit code 1: the sentence says what to do. */
export class CommandError extends Error {
  readonly code: "SLUICE_COMMAND_FAILED" = "SLUICE_COMMAND_FAILED";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
  }
}

/** What is said of a file has its place and what to do beside the sentence. */
function withPlace(error: unknown, text: string): string {
  if (!(error instanceof Error && "place" in error && "mend" in error)) return text;
  return `${error.place}: ${withFullStop(text)} ${error.mend}`;
}

/** One line for a person, without secrets; the stack only where it was asked for. */
export function errorLine(error: unknown, debug: boolean): string {
  const stack = debug && error instanceof Error && error.stack ? `\n${error.stack}` : "";
  const line = withPlace(error, describeError(error)).replace(/\s*\n\s*/g, " ");
  return maskSecrets(`sluice: error: ${line}${stack}`, []);
}
