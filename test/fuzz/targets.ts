import { answersTarget } from "./answers.ts";
import { configTarget } from "./config.ts";
import { controlTarget } from "./control.ts";
import { fuzz, type Options, type Outcome, type Target } from "./harness.ts";
import { lockTarget, manifestTarget, tarballTarget } from "./plugins.ts";
import { recordTargets } from "./records.ts";
import { sinksTarget } from "./sinks.ts";
import { bulkReaderTarget, framesTarget, respTarget } from "./wire.ts";

/** A target, whatever its inputs are. */
export interface Named {
  readonly name: string;
  readonly share: number;
  fuzz(options: Options): Promise<Outcome>;
}

/** Everything that reads from outside. */
export const TARGETS: readonly Named[] = [
  ...recordTargets.map(named),
  named(sinksTarget),
  named(configTarget),
  named(manifestTarget),
  named(lockTarget),
  named(tarballTarget),
  named(respTarget),
  named(bulkReaderTarget),
  named(framesTarget),
  named(answersTarget),
  named(controlTarget),
];

function named<T>(target: Target<T>): Named {
  const { name, share = 1 } = target;
  return { name, share, fuzz: (options) => fuzz(target, options).finally(() => target.end?.()) };
}

/** What each gets of this time, ms. */
export function shares(targets: readonly Named[], ms: number): number[] {
  const sum = targets.reduce((total, { share }) => total + share, 0);
  return targets.map(({ share }) => (ms * share) / sum);
}
