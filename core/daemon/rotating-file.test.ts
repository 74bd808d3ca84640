import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RotatingFile } from "./rotating-file.ts";

let folder: string;
let said: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-rotating-"));
  said = [];
});

afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true, force: true });
});

function open(bytes: number, files: number, name = "log"): RotatingFile {
  return new RotatingFile({
    ...{ file: join(folder, name), bytes, files },
    onTrouble: ({ message }) => said.push(message),
    onRecovery: (lost) => said.push(`lost ${lost}`),
  });
}

/** All files, oldest first. */
function written(name = "log"): string[] {
  const age = (file: string) => Number(file.split(".")[1] ?? 0);
  const files = readdirSync(folder).filter((file) => file === name || file.startsWith(`${name}.`));
  return files.sort((a, b) => age(b) - age(a)).map((file) => readFileSync(join(folder, file), "utf8"));
}

test("no line is lost or cut by a rotation, and no file grows beyond its limit", () => {
  const lines = fc.array(
    fc.string().map((text) => `${text.replaceAll("\n", " ")}\n`),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 200 }), (all, bytes) => {
      const log = open(bytes, 1000);
      for (const line of all) log.write(line);
      log.close();
      const files = written();
      expect(files.join("")).toBe(all.join(""));
      for (const file of files) {
        const one = file.indexOf("\n") === file.length - 1;
        expect(one || Buffer.byteLength(file) <= bytes).toBe(true);
      }
      for (const file of readdirSync(folder)) rmSync(join(folder, file));
    }),
    { numRuns: 15 },
  );
});

test("only so many files are kept; it goes on where the process before ended", () => {
  for (let i = 0; i < 10; i++) {
    const log = open(10, 3);
    log.write(`line ${i} ..\n`);
    log.close();
  }
  expect(readdirSync(folder).sort()).toEqual(["log", "log.1", "log.2"]);
  expect(written()).toEqual(["line 7 ..\n", "line 8 ..\n", "line 9 ..\n"]);
});

test("a folder that vanished is made again; none of its lines before matter", () => {
  const log = open(1000, 2, "deep/log");
  log.write("first\n");
  rmSync(join(folder, "deep"), { recursive: true });
  log.write("second\n");
  log.close();
  expect(readFileSync(join(folder, "deep/log"), "utf8")).toBe("second\n");
  expect(said).toEqual([]);
});

test("what cannot be written waits, up to a limit, is counted beyond it, and is written when it can be", () => {
  vi.useFakeTimers();
  writeFileSync(join(folder, "deep"), "a file where the folder should be");
  const log = open(1e9, 2, "deep/log");
  const line = `${"x".repeat(1023)}\n`;
  for (let i = 0; i < 1100; i++) log.write(line);
  expect(said).toHaveLength(1);
  vi.advanceTimersByTime(5000);
  expect(said).toHaveLength(1);
  rmSync(join(folder, "deep"));
  vi.advanceTimersByTime(1000);
  expect(said[1]).toBe("lost 76");
  log.write("after\n");
  log.close();
  expect(readFileSync(join(folder, "deep/log"), "utf8")).toBe(`${line.repeat(1024)}after\n`);
});

test("where files cannot be renamed it goes on in the same one", () => {
  // In the way of the rename, and nothing that a rename replaces.
  mkdirSync(join(folder, "log.1", "full"), { recursive: true });
  const log = open(10, 2);
  log.write("one .....\n");
  log.write("two .....\n");
  rmSync(join(folder, "log.1"), { recursive: true });
  log.write("three ...\n");
  log.close();
  expect(written()).toEqual(["one .....\ntwo .....\n", "three ...\n"]);
  expect(said).toEqual([]);
});
