import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { Home } from "./body.ts";
import { createBody } from "./home.ts";

const HEAP = { heap: 2 ** 26, external: 2 ** 26 };
const home = (isolation: Home["isolation"], ...flags: string[]): Home => ({
  isolation,
  confinement: { flags, env: {}, compileCache: "/tmp" },
  files: null,
});

test.each([
  ["its process", home("process", "a\0b"), "without null bytes"],
  ["its process", home("process", "a".repeat(2 ** 21)), "E2BIG"],
  ["its thread", home("worker", "--no-such-flag"), "--no-such-flag"],
] as const)("%s cannot be started: it ends on its own, and says why", async (what, of, why) => {
  const heard: unknown[] = [];
  const ended = Promise.withResolvers<void>();
  const never = () => expect.unreachable();
  const body = createBody("csv#0", of, HEAP, {
    message: never,
    output: never,
    sample: never,
    failed: (exit) => heard.push(exit),
    exited(code) {
      heard.push(code);
      ended.resolve();
    },
  });
  expect(heard).toEqual([]);
  body.post({ t: "revoke", seqs: [] });
  body.kill();
  await expect(body.usage()).rejects.toThrow(why);
  await expect(body.startCpuProfile()).rejects.toThrow(why);
  await ended.promise;
  const reason = expect.stringMatching(new RegExp(`^${what} could not be started: .*${why}`));
  expect(heard).toEqual([{ kind: "killed", reason }, null]);
});

/** Starts one when there are only so many file descriptors left. */
const WITHOUT_DESCRIPTORS = `
  import { closeSync, openSync } from "node:fs";
  import { createBody } from ${JSON.stringify(new URL("./home.ts", import.meta.url).href)};
  const [isolation, spare] = process.argv.slice(1);
  const taken = [];
  try {
    for (;;) taken.push(openSync("/dev/null"));
  } catch {}
  for (let i = 0; i < spare; i++) closeSync(taken.pop());
  const say = (what) => console.log(JSON.stringify(what));
  const confinement = { flags: [], env: {}, compileCache: "/tmp" };
  const body = createBody("csv#0", { isolation, confinement, files: null }, ${JSON.stringify(HEAP)}, {
    message() {}, output() {}, sample() {},
    failed(exit) { say(exit); body.kill(); },
    exited: say,
  });
`;

test.each([
  ["process", 0, "its process could not be started: spawn /bin/sh EMFILE"],
  ["process", 5, "its process could not be started: spawn /bin/sh EMFILE"],
  ["worker", 0, "EMFILE"],
])("a %s with %d descriptors to have: it ends, and its host does not", async (isolation, spare, reason) => {
  const node = [
    process.execPath,
    "--input-type=module-typescript",
    "-e",
    WITHOUT_DESCRIPTORS,
    isolation,
    String(spare),
  ];
  const { stdout } = await promisify(execFile)("/bin/sh", ["-c", 'ulimit -n 100; exec "$@"', "sh", ...node]);
  const [exit, code, ...more] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(exit.reason).toContain(reason);
  expect([code, more]).toEqual([isolation === "process" ? null : 0, []]);
});
