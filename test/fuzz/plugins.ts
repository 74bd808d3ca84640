import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { LOCK_FILE } from "../../core/config/load.ts";
import { PluginError } from "../../core/plugins/errors.ts";
import { formatLock, LockError, parseLock } from "../../core/plugins/lock.ts";
import { checkManifest } from "../../core/plugins/manifest.ts";
import { filesOf } from "../../core/plugins/tarball.ts";
import { type TarEntry, tarOf } from "../support/tarball.ts";
import { orKnown, unpolluted } from "./checks.ts";
import type { Target } from "./harness.ts";
import { mutated, mutatedJson } from "./mutate.ts";

const read = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
const bytes = (text: string) => Buffer.from(text);

/** A manifest that is fit, or a PluginError. */
export const manifestTarget: Target<string> = {
  name: "plugin-manifest",
  input: mutatedJson(["with-addon", "with-dependency"].map((name) => read(`../plugins/${name}/package.json`))),
  bytes,
  async run(text) {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return;
    }
    const manifest = await orKnown(() => checkManifest(json, "package.json"), PluginError);
    for (const path of manifest ? [manifest.sluice.entry, manifest.sluice.test ?? "./x"] : []) {
      if (!path.startsWith("./") || (path.split("/").includes("..") && path.startsWith("./..")))
        throw new Error(`${path} leads out`);
    }
    unpolluted();
  },
};

/** A lock, or a LockError; what is read can be written and read again. */
export const lockTarget: Target<string> = {
  name: "plugin-lock",
  input: mutatedJson([read(LOCK_FILE)]),
  bytes,
  async run(text) {
    const lock = await orKnown(() => parseLock(text, "lock"), LockError);
    if (lock) parseLock(formatLock(lock), "lock");
    unpolluted();
  },
};

const name = fc.oneof(
  fc.constantFrom(
    "package",
    "a.txt",
    "..",
    ".",
    "",
    "C:",
    "\\",
    "/",
    "__proto__",
    "é",
    "x".repeat(99),
    "\u0000",
    "package.json",
  ),
  fc.string({ maxLength: 12 }),
);
const entry: fc.Arbitrary<TarEntry> = fc.record(
  {
    path: fc.oneof(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
      fc.array(name, { maxLength: 3 }).map((parts) => ["package", ...parts, "f"].join("/")),
    ),
    content: fc.oneof(
      fc.uint8Array({ maxLength: 700 }),
      fc
        .tuple(fc.constantFrom("path", "size", "linkpath", "GNU.sparse.name"), fc.oneof(name, fc.nat().map(String)))
        .map(([key, value]) => bytes(paxRecord(key, value))),
    ),
    kind: fc.constantFrom("0", "0", "0", "\0", "1", "2", "3", "5", "7", "L", "K", "S", "x", "x", "g"),
  },
  { requiredKeys: ["path"] },
);

function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const length = Buffer.byteLength(rest);
  const digits = String(length + String(length + 2).length).length;
  return `${length + digits}${rest}`;
}

/** An archive as tar would write it, or of which some bytes are not so, its sums put right: files with paths inside, or a PluginError. */
export const tarballTarget: Target<Buffer> = {
  name: "plugin-tarball",
  input: fc
    .tuple(
      fc.array(entry, { minLength: 1, maxLength: 5 }).map((entries) => tarOf([...entries, { path: "package/x" }])),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
    )
    .chain(([tar, edits]) => {
      for (const [at, byte] of edits) tar[at % tar.length] = byte;
      return fc.oneof({ weight: 4, arbitrary: fc.constant(tar) }, { weight: 1, arbitrary: mutated([tar], 3) });
    })
    .map((tar) => resummed(tar)),
  bytes: (tar) => tar,
  async run(tar) {
    const files = await orKnown(() => filesOf(gzipSync(tar, { level: 1 })), PluginError);
    await orKnown(() => filesOf(tar), PluginError);
    for (const path of files?.keys() ?? []) {
      const parts = path.split("/");
      const escapes = path.startsWith("/") || parts.some((part) => part === ".." || part === "." || part === "");
      if (escapes || /[\\\0\n]/.test(path)) throw new Error(`${JSON.stringify(path)} leads out`);
    }
  },
};

/** What looks like a header gets the sum that it should have: without it, nothing behind the sum is ever tried. */
function resummed(tar: Buffer): Buffer {
  const fixed = Buffer.from(tar);
  for (let at = 0; at + 512 <= fixed.length; at += 512) {
    const head = fixed.subarray(at, at + 512);
    if (head.toString("latin1", 257, 262) !== "ustar") continue;
    head.write("        ", 148, "latin1");
    const sum = head.reduce((total, byte) => total + byte, 0);
    head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
  return fixed;
}
