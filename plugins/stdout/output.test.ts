import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const LINES = fileURLToPath(new URL("./testing/lines.ts", import.meta.url));
const JSON_FORMAT = { format: "json" };

const argumentsOf = (config: object, chunks: number, late: string) => [
  LINES,
  JSON.stringify(config),
  String(chunks),
  ...(late ? [late] : []),
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-stdout-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Standard output is a socket, as systemd and Node's parents make it. */
function lines(config: object, chunks: number, late = ""): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, argumentsOf(config, chunks, late));
}

/** Standard output is a pipe, as shells and containers make it, with this command as its reader. */
async function piped(reader: string, config: object, chunks: number, late = "") {
  const command = ["-c", `"$0" "$@" | ${reader}`, process.execPath, ...argumentsOf(config, chunks, late)];
  const child = spawn("/bin/bash", command);
  const [out, told] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { out, told };
}

function pathsOf(output: string): string[] {
  expect(output.endsWith("\n")).toBe(true);
  return output
    .slice(0, -1)
    .split("\n")
    .map((line) => JSON.parse(line)["tyk-analytics-record"].path);
}

const expected = (chunks: number) =>
  Array.from({ length: 500 * chunks }, (_, i) => `/${Math.floor(i / 500)}/${i % 500}`);

test("a socket whose reader comes late: every line, whole and once", async () => {
  const child = lines(JSON_FORMAT, 20);
  const told = text(child.stderr);
  await sleep(800);
  expect(pathsOf(await text(child.stdout))).toEqual(expected(20));
  expect(await told).toBe("settled 10000\n");
});

test("a socket that nobody reads until the deadline: the sink waits, says so, and writes whole lines afterwards", async () => {
  const child = lines(JSON_FORMAT, 4, join(folder, "late"));
  let told = "";
  child.stderr.on("data", (more) => {
    told += more;
  });
  while (!told.includes("\n")) await sleep(20);
  expect(told).toContain("Nobody reads what is written to standard output");
  const paths = pathsOf(await text(child.stdout));
  // What was on its way when the deadline passed comes again.
  expect(new Set(paths)).toEqual(new Set(expected(4)));
  expect(told).toContain("settled 2000\n");
});

test("a pipe: the same", async () => {
  const late = await piped("(sleep 1; cat)", JSON_FORMAT, 20);
  expect(pathsOf(late.out)).toEqual(expected(20));
  expect(late.told).toBe("settled 10000\n");
  const there = join(folder, "late");
  const stuck = await piped(`(until [ -e ${there} ]; do sleep 0.05; done; cat)`, JSON_FORMAT, 4, there);
  expect(stuck.told).toMatch(/^Nobody reads .*\nsettled 2000\n$/);
  expect(new Set(pathsOf(stuck.out))).toEqual(new Set(expected(4)));
  const gone = await piped("head -c 100", JSON_FORMAT, 20);
  expect(gone.told).toContain("Whatever read standard output is gone (EPIPE)");
});

test("a reader that goes away is fatal, in a sentence", async () => {
  const child = lines(JSON_FORMAT, 20);
  const told = text(child.stderr);
  await once(child.stdout, "data");
  child.stdout.destroy();
  expect(await told).toContain("Whatever read standard output is gone (EPIPE): start Sluice with a reader");
});

test("a file", () => {
  const file = join(folder, "out");
  const { stderr } = spawnSync(process.execPath, argumentsOf(JSON_FORMAT, 4, ""), {
    stdio: ["ignore", openSync(file, "w"), "pipe"],
    encoding: "utf8",
  });
  expect(stderr).toBe("settled 2000\n");
  expect(pathsOf(readFileSync(file, "utf8"))).toEqual(expected(4));
});

test("text goes to standard output, or to standard error where that is wished for", async () => {
  for (const text_to_stderr of [false, true]) {
    const child = lines({ text_to_stderr }, 1);
    const [out, told] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const written = (text_to_stderr ? told : out).split("\n").filter((line) => line.startsWith("time="));
    expect(written).toHaveLength(500);
    expect(written[7]).toMatch(/^time="[^"]+" level=info prefix=stdout-pump tyk-analytics-record="\{ {3}\/0\/7 .*\}"$/);
    expect(text_to_stderr ? out : told.replace("settled 500\n", "")).toBe("");
  }
});

test("keys are in byte order, and reserved names give way", async () => {
  const keys = async (config: object) => {
    const output = await text(lines({ ...JSON_FORMAT, ...config }, 1).stdout);
    return Object.keys(JSON.parse(output.slice(0, output.indexOf("\n"))));
  };
  expect(await keys({ log_field_name: "analytics" })).toEqual(["analytics", "level", "msg", "time"]);
  expect(await keys({ log_field_name: "time" })).toEqual(["fields.time", "level", "msg", "time"]);
  expect(await keys({ log_field_name: "" })).toEqual(["level", "msg", "time", "tyk-analytics-record"]);
});
