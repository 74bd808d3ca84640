/**
 * Types, style, tests, in this order. Failures are printed with all that is known, so are tests that passed only when tried
 * again; tests that could not run on this machine are named; last of all one line: `N passed, N failed`. Arguments choose
 * test files: then only those run.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { startVitest } from "vitest/node";
import { type Tally, TestReport } from "./test-report.ts";
import { ROOT } from "./workspace-lock.ts";

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const files = process.argv.slice(2);
const tally: Tally = { passed: 0, failed: [], unsteady: [], notRun: [] };

if (files.length === 0) {
  checkWith("tsc", ["--noEmit", "--pretty", "false"]);
  // What runs in a browser has other types around it.
  checkWith("tsc", ["--noEmit", "--pretty", "false", "-p", "core/console/page"]);
  checkWith("biome", ["check", "--error-on-warnings"]);
}
process.chdir(ROOT);
const vitest = await startVitest("test", files, {
  root: ROOT,
  watch: false,
  reporters: [new TestReport(tally, print)],
});
await vitest.close();
if (tally.passed + tally.failed.length + tally.notRun.length === 0) {
  tally.failed.push({ title: "vitest", details: ["No test was found."] });
}

for (const { title, details } of tally.unsteady) print(`\nPASSED ONLY WHEN TRIED AGAIN ${title}\n${indent(details)}`);
for (const { title, details } of tally.failed) print(`\nFAILED ${title}\n${indent(details)}`);
for (const [why, tests] of Map.groupBy(tally.notRun, (one) => one.why)) {
  print(`\nCould not run on this machine: ${why}`);
  for (const { title } of tests) print(`  ${title}`);
}
print(`\n${tally.passed} passed, ${tally.failed.length} failed`);
process.exitCode = tally.failed.length === 0 ? 0 : 1;

/** A tool that counts as one test. */
function checkWith(tool: string, args: string[]): void {
  const result = spawnSync(join(ROOT, "node_modules/.bin", tool), args, { cwd: ROOT, encoding: "utf8" });
  const passed = result.status === 0;
  print(`${passed ? "ok  " : "FAIL"} ${tool}`);
  if (passed) tally.passed++;
  else
    tally.failed.push({
      title: tool,
      details: [result.error?.message ?? "", result.stdout ?? "", result.stderr ?? ""],
    });
}

function indent(details: string[]): string {
  return details.filter(Boolean).join("\n").trimEnd().replace(/^/gm, "  ");
}
