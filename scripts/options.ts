import { type ParseArgsConfig, parseArgs } from "node:util";

/** As `parseArgs`, but what is wrong is said in a line. */
export function optionsOf<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    return wrongUse((error as Error).message);
  }
}

/** Says what is wrong with the command line, and ends the process with 2. */
export function wrongUse(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
