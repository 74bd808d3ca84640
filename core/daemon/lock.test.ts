import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { holdLock, isLocked } from "./lock.ts";
import { isAlive, thisProcess } from "./process.ts";

function lockFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "lock");
}

/** Another process that holds the lock until it is killed. */
async function holder(file: string) {
  const code = `
    const { holdLock } = await import(${JSON.stringify(new URL("lock.ts", import.meta.url).href)});
    globalThis.release = holdLock(${JSON.stringify(file)});
    process.stdout.write(release === null ? "refused" : "held");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [said] = await once(child.stdout.setEncoding("utf8"), "data");
  return { said, child };
}

test("one process holds it; the system gives it back when that one is killed", async () => {
  const file = lockFile();
  expect(isLocked(file)).toBe(false);
  const { said, child } = await holder(file);
  expect(said).toBe("held");
  expect(isLocked(file)).toBe(true);
  expect(holdLock(file)).toBeNull();
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isLocked(file)).toBe(false);
  const release = holdLock(file);
  expect(release).not.toBeNull();
  expect((await holder(file)).said).toBe("refused");
  release?.();
  // It is nothing but the lock: no file beside it, nothing in it.
  expect(readdirSync(join(file, ".."))).toEqual(["lock"]);
});

test("a file that is no lock is said, with its name", () => {
  const file = lockFile();
  writeFileSync(file, "x".repeat(5000));
  expect(() => holdLock(file)).toThrow(expect.objectContaining({ code: "SLUICE_DAEMON_FILES" }));
  expect(() => holdLock(join(file, "none"))).toThrow(/cannot be used/);
});

test("a process is known by its number and its beginning", async () => {
  const me = thisProcess();
  expect(isAlive(me)).toBe(true);
  expect(isAlive({ ...me, began: "1" })).toBe(false);
  expect(isAlive({ ...me, began: null })).toBe(true);
  const child = spawn("true");
  await once(child, "exit");
  expect(isAlive({ pid: child.pid!, began: null })).toBe(false);
});
