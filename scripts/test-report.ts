import { relative } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestCase, TestModule, TestSuite } from "vitest/node";

/** What became of all tests. */
export interface Tally {
  passed: number;
  /** A title, and what went wrong. */
  failed: { title: string; details: string[] }[];
  /** Passed, but only when tried again: what went wrong before. */
  unsteady: { title: string; details: string[] }[];
  /** Tests that something missing on this machine kept from running, and what. */
  notRun: { title: string; why: string }[];
}

/** An error of this name says that something is missing on this machine, and explains whatever else went wrong with it. */
const COULD_NOT_RUN = "CouldNotRun";

/** Prints one line a file as it ends, and keeps the tally. */
export class TestReport implements Reporter {
  readonly tally: Tally;
  readonly #print: (line: string) => void;

  constructor(tally: Tally, print: (line: string) => void) {
    this.tally = tally;
    this.#print = print;
  }

  onTestModuleEnd(module: TestModule): void {
    const tests = [...module.children.allTests()];
    const before = this.tally.failed.length;
    for (const suite of [module, ...module.children.allSuites()]) this.#countSuite(suite);
    for (const test of tests) this.#countTest(test);
    const mark = this.tally.failed.length > before ? "FAIL" : "ok";
    const seconds = (module.diagnostic().duration / 1000).toFixed(1);
    this.#print(`${mark.padEnd(4)} ${module.relativeModuleId} (${tests.length} tests, ${seconds} s)`);
  }

  onTestRunEnd(_modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    for (const error of unhandled) this.tally.failed.push({ title: titleOfStray(error), details: detailsOf(error) });
  }

  #countSuite(suite: TestModule | TestSuite): void {
    const errors = suite.errors();
    if (errors.length === 0 || errors.some(couldNotRun)) return;
    this.tally.failed.push({ title: titleOf(suite), details: errors.flatMap(detailsOf) });
  }

  #countTest(test: TestCase): void {
    const { state, errors } = test.result();
    const title = titleOf(test);
    if (state === "passed") {
      this.tally.passed++;
      if (test.diagnostic()?.flaky) this.tally.unsteady.push({ title, details: (errors ?? []).flatMap(detailsOf) });
    } else if (state === "failed" && !errors.some(couldNotRun)) {
      this.tally.failed.push({ title, details: errors.flatMap(detailsOf) });
    } else {
      const why = [...(errors ?? []), ...errorsAround(test)].find(couldNotRun)?.message;
      if (why !== undefined) this.tally.notRun.push({ title, why });
      else this.tally.failed.push({ title, details: ["It did not run."] });
    }
  }
}

function couldNotRun(error: SerializedError): boolean {
  return error.name === COULD_NOT_RUN;
}

function errorsAround(test: TestCase): SerializedError[] {
  const found: SerializedError[] = [];
  for (let at: TestModule | TestSuite = test.parent; ; at = at.parent) {
    found.push(...at.errors());
    if (at.type === "module") return found;
  }
}

function titleOf(task: TestCase | TestSuite | TestModule): string {
  return task.type === "module" ? task.relativeModuleId : `${task.module.relativeModuleId} > ${task.fullName}`;
}

/** Where Vitest was when nobody caught it. */
function titleOfStray(error: SerializedError): string {
  const { VITEST_TEST_PATH: path, VITEST_TEST_NAME: name } = error as { [key: string]: unknown };
  if (typeof path !== "string") return "an error outside of any test";
  const during = typeof name === "string" ? ` > ${name}` : "";
  return `${relative(process.cwd(), path)}${during}: an error that no test caught`;
}

function detailsOf(error: SerializedError): string[] {
  const stack = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s*at /.test(line) && !line.includes("node_modules"));
  const cause = error.cause as SerializedError | undefined;
  return [
    `${error.name ?? "Error"}: ${error.message}`,
    ...(typeof error.diff === "string" ? [error.diff] : []),
    ...stack.slice(0, 8),
    ...(cause?.message === undefined ? [] : ["caused by", ...detailsOf(cause)]),
  ];
}
