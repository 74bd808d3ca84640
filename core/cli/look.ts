import { type Command, InvalidArgumentError } from "commander";
import type { InstanceOptions } from "./daemon.ts";
import { aboutPump, positive } from "./options.ts";

export interface ProfileOptions extends InstanceOptions {
  seconds: number;
  out: string;
  cpu: boolean;
  all?: boolean;
}

const MOST_SECONDS = 120;

/** Commands that look at a pump that runs. */
export function addLookCommands(program: Command, done: (code: number) => void): void {
  aboutPump(program, "profile [sink]", "measure where a sink's time goes, while it works")
    .option("--seconds <n>", `for how long, 1 to ${MOST_SECONDS}`, seconds, 10)
    .option("--out <folder>", "where the CPU profile and its flame graph are written", ".")
    .option("--no-cpu", "no samples of its stack")
    .option("--all", "all sinks together, and which is the bottleneck")
    .action(async (sink: string | undefined, options: ProfileOptions) => {
      const { profile, profileAll } = await import("./profile.ts");
      if ((sink === undefined) !== (options.all === true))
        program.error("error: name a sink, or say --all: one of the two");
      done(await (sink === undefined ? profileAll(options) : profile(sink, options)));
    });
  aboutPump(program, "top", "watch the sinks live: choose, look into, suspend, resume, profile them").action(
    async (options: InstanceOptions) => {
      const { top } = await import("./top.ts");
      done(await top(options));
    },
  );
}

function seconds(text: string): number {
  const value = positive(text);
  if (value > MOST_SECONDS) throw new InvalidArgumentError(`It must be ${MOST_SECONDS} or less.`);
  return value;
}
