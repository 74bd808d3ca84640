import { appendFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { RotatingFile } from "./rotating-file.ts";
import { follow, lastLines } from "./tail.ts";

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-tail-"));
  file = join(folder, "log");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function rotating(bytes: number): RotatingFile {
  const unexpected = (what: unknown) => expect(what).toBeUndefined();
  return new RotatingFile({ file, bytes, files: 1000, onTrouble: unexpected, onRecovery: unexpected });
}

test("the last lines, across rotated files", () => {
  const line = fc.string({ maxLength: 30 }).map((text) => `${text.replaceAll("\n", " ")}\n`);
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 25 }),
      fc.integer({ min: 1, max: 100 }),
      fc.nat(20),
      (lines, bytes, count) => {
        const log = rotating(bytes);
        for (const one of lines) log.write(one);
        log.close();
        expect(lastLines(file, count)).toBe(count === 0 ? "" : lines.slice(-count).join(""));
        rmSync(folder, { recursive: true, force: true });
      },
    ),
    { numRuns: 15 },
  );
});

test("lines longer than a block, a last line without its end, and no log at all", () => {
  const long = `${"y".repeat(200_000)}\n`;
  writeFileSync(file, `a\n${long}b\n${long}begun`);
  expect(lastLines(file, 1)).toBe("begun");
  // Not shown when it fails: it is long.
  expect(lastLines(file, 3) === `b\n${long}begun`).toBe(true);
  expect(lastLines(file, 99) === `a\n${long}b\n${long}begun`).toBe(true);
  expect(lastLines(join(folder, "none"), 5)).toBe("");
});

test("follows through rotations, a log that is not there yet and one that is emptied; loses nothing", async () => {
  const over = new AbortController();
  let seen = "";
  const following = (async () => {
    for await (const lines of follow(file, over.signal)) seen += lines;
  })();
  const log = rotating(50_000);
  let wanted = "";
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 100; i++) {
      const line = `round ${round} line ${i} ${"z".repeat(40)}\n`;
      wanted += line;
      log.write(line);
    }
    await new Promise(setImmediate);
  }
  await expect.poll(() => seen.length, { timeout: 20_000 }).toBe(wanted.length);
  expect(seen).toBe(wanted);
  log.close();
  truncateSync(file);
  appendFileSync(file, "half a line,");
  await new Promise((resolve) => setTimeout(resolve, 300));
  appendFileSync(file, " and the rest\n");
  await expect.poll(() => seen, { timeout: 20_000 }).toBe(`${wanted}half a line, and the rest\n`);
  over.abort();
  await following;
});
