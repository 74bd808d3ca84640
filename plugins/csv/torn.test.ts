/** Real processes that die, or that the disk fails, in the middle of an append. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { open } from "@sluice/sdk/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import csv from "./index.ts";
import { parseRows } from "./testing/parse-rows.ts";

const ENDLESS = fileURLToPath(new URL("./testing/endless.ts", import.meta.url));
const RECORDS = 100;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-csv-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = () =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".csv"))
    .map((name) => join(folder, name));

/** Paths of the records in all files; throws where a row is torn. */
const paths = () =>
  files().flatMap((file) => {
    const rows = parseRows(readFileSync(file, "latin1"));
    expect(rows.next().value?.[2]).toBe("Path");
    return Array.from(rows, (row) => row[2]);
  });

interface Writer {
  readonly child: ChildProcess;
  readonly name: string;
  out: string;
}

function writer(name: string, command = [process.execPath, ENDLESS, folder, name, "0"]): Writer {
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  const one: Writer = { child, name, out: "" };
  child.stdout!.on("data", (text) => {
    one.out += text;
  });
  return one;
}

async function kill({ child }: Writer): Promise<void> {
  const exit = once(child, "close");
  child.kill("SIGKILL");
  await exit;
}

/** Kills a writer while the system takes its rows: the file has just begun to grow. */
async function killInAppend(one: Writer): Promise<void> {
  await begun(one);
  const [file] = files();
  const { size } = statSync(file!);
  const end = Date.now() + 2000;
  while (statSync(file!).size === size && Date.now() < end);
  await kill(one);
}

/** Whether the file ends in the middle of a row, as far as its last byte tells. */
const tornFiles = () => files().filter((file) => readFileSync(file).at(-1) !== 10).length;

async function begun(one: Writer): Promise<void> {
  while (!one.out.includes("\n")) await sleep(5);
}

async function next(): Promise<void> {
  const sink = await open(csv, { csv_dir: folder });
  sink.deliver([{ path: "/next" }]);
  await sink.settled();
  await sink.close();
}

/** Every batch that was reported as settled is there. */
function expectKept(writers: readonly Writer[]): void {
  const there = new Set(paths());
  const settled = writers.flatMap(({ name, out }) => batchesOf(out).map((batch) => `/${name}/${batch}`));
  expect(settled.length).toBeGreaterThan(0);
  const missing = settled.filter((batch) =>
    Array.from({ length: RECORDS }, (_, i) => there.has(`${batch}/${i}`)).includes(false),
  );
  expect(missing).toEqual([]);
}

/** The lines that a child was able to end. */
function batchesOf(out: string): string[] {
  const whole = out.split("\n").slice(0, -1);
  return whole.filter((line) => /^\d+$/.test(line));
}

test("kill -9 in the middle of an append: the next life finds whole rows, and all that was settled", async () => {
  const writers: Writer[] = [];
  let torn = 0;
  for (let life = 0; life < 5; life++) {
    const one = writer(`life${life}`);
    writers.push(one);
    await killInAppend(one);
    torn += tornFiles();
  }
  expect(torn).toBeGreaterThan(0);
  await next();
  expectKept(writers);
  expect(paths().at(-1)).toBe("/next");
});

test("kill -9 of one of two writers: the other goes on, no row of either is torn", async () => {
  // Six megabytes a batch: without a pause they would be more than a test can read, where starting the others takes long.
  const survivor = writer("survivor", [process.execPath, ENDLESS, folder, "survivor", "250"]);
  const writers = [survivor];
  await begun(survivor);
  for (let life = 0; life < 4; life++) {
    const one = writer(`life${life}`);
    writers.push(one);
    await killInAppend(one);
  }
  await kill(survivor);
  await next();
  expectKept(writers);
});

test("a file cut at any byte, as a crash of the machine may leave it, holds whole rows again", async () => {
  const one = writer("first");
  await begun(one);
  await kill(one);
  await next();
  const [file] = files();
  for (let i = 0; i < 20; i++) {
    truncateSync(file!, Math.floor(Math.random() * statSync(file!).size));
    await next();
    expect(paths().at(-1)).toBe("/next");
  }
});

test("a full disk in the middle of an append: no part of it stays, and the sink waits and says why", async () => {
  // The limit on the size of a file behaves as a full disk: the system takes a part, then refuses.
  const one = writer("limited", [
    "/bin/bash",
    "-c",
    `ulimit -f 20000; exec "$0" "$@"`,
    process.execPath,
    ENDLESS,
    folder,
    "limited",
    "0",
  ]);
  await once(one.child, "close");
  expect(one.out).toMatch(/^waiting CSV files cannot be written to .*EFBIG/m);
  expect(files().every((file) => readFileSync(file).at(-1) === 10)).toBe(true);
  expectKept([one]);
});
