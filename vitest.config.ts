import { defineConfig } from "vitest/config";
import { FLAGS } from "./core/cli/settle.js";

export default defineConfig({
  test: {
    include: ["{sdk,core,plugins,test,bench}/**/*.test.ts"],
    // Real servers and worker threads share two cores: a slow machine must not look like a failure.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // The faults of V8 that the program itself is kept from.
    execArgv: FLAGS.filter((flag) => flag.startsWith("--wasm")),
    // A hiccup of the machine does not stop a change, but the summary names each test that needed it, and what went wrong.
    retry: 1,
  },
});
