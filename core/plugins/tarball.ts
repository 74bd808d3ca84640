import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { PluginError } from "./errors.ts";

/** Bounds of a package. A larger one is a mistake, or meant to do harm. */
export const ARCHIVE_LIMITS = { packed: 128 << 20, unpacked: 256 << 20, files: 20_000, path: 1000 } as const;

const BLOCK = 512;

/**
 * Unpacks an npm package (a gzipped tar, POSIX ustar with pax or GNU long names) into `folder`, without its first folder. Only plain
 * files with paths inside the package are taken: a link, a device, `..` or an absolute path is refused, and so is what exceeds
 * ARCHIVE_LIMITS. Nothing is written unless all of it is fit. Throws PluginError.
 */
export function unpack(archive: Uint8Array, folder: string): void {
  const files = filesOf(archive);
  for (const [path, content] of files) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content, { flag: "wx" });
  }
}

/** Contents by path, without the first folder. */
export function filesOf(archive: Uint8Array): Map<string, Buffer> {
  if (archive.byteLength > ARCHIVE_LIMITS.packed) throw unfit(`it is larger than ${ARCHIVE_LIMITS.packed} bytes`);
  let tar: Buffer;
  try {
    tar = gunzipSync(archive, { maxOutputLength: ARCHIVE_LIMITS.unpacked });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ERR_BUFFER_TOO_LARGE" ? `it unpacks to more than ${ARCHIVE_LIMITS.unpacked} bytes` : "it is no gzip";
    throw unfit(why, error);
  }
  const files = new Map<string, Buffer>();
  const folders = new Set<string>();
  for (const { path, content } of entriesOf(tar)) {
    if (files.has(path) || folders.has(path)) throw unfit(`${JSON.stringify(path)} is in it twice`);
    for (let above = dirname(path); above !== "."; above = dirname(above)) {
      if (files.has(above)) throw unfit(`${JSON.stringify(above)} is a file and a folder`);
      folders.add(above);
    }
    files.set(path, content);
    if (files.size > ARCHIVE_LIMITS.files) throw unfit(`it has more than ${ARCHIVE_LIMITS.files} files`);
  }
  if (files.size === 0) throw unfit("it holds no file");
  return files;
}

function* entriesOf(tar: Buffer): Generator<{ path: string; content: Buffer }> {
  /** Of the next entry, told ahead of it. */
  let told: { path?: string; size?: number } = {};
  for (let at = 0; at + BLOCK <= tar.length; ) {
    const head = tar.subarray(at, at + BLOCK);
    if (head.every((byte) => byte === 0)) return;
    if (!isSound(head)) throw unfit("a header in it is damaged");
    const kind = String.fromCharCode(head[156]!);
    const size = kind === "x" || kind === "g" ? octal(head, 124) : (told.size ?? octal(head, 124));
    const start = at + BLOCK;
    if (!Number.isSafeInteger(size) || size < 0 || start + size > tar.length) throw unfit("it ends too early");
    const content = tar.subarray(start, start + size);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (kind === "x") {
      told = { ...told, ...paxOf(content) };
    } else if (kind === "L") {
      told = { ...told, path: text(content, 0, content.length) };
    } else if (kind === "0" || kind === "\0" || kind === "7") {
      yield { path: inPackage(told.path ?? ustarPath(head)), content };
      told = {};
    } else if (kind === "5") {
      told = {};
    } else if (kind !== "g") {
      const path = JSON.stringify(told.path ?? ustarPath(head));
      throw unfit(`${path} is ${kind === "1" || kind === "2" ? "a link" : "no plain file"}`);
    }
  }
}

/** The path without the package's own folder. */
function inPackage(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const unsafe =
    path.startsWith("/") ||
    path.length > ARCHIVE_LIMITS.path ||
    parts.some((part) => part === ".." || /^[a-z]:$/i.test(part)) ||
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    /[\\\u0000-\u001f]/.test(path);
  if (unsafe || parts.length < 2)
    throw unfit(`the path ${JSON.stringify(path.slice(0, 200))} is not inside the package`);
  return parts.slice(1).join("/");
}

function ustarPath(head: Buffer): string {
  const name = text(head, 0, 100);
  const prefix = text(head, 257, 5) === "ustar" ? text(head, 345, 155) : "";
  return prefix === "" ? name : `${prefix}/${name}`;
}

/** Records of `<length> <key>=<value>\n`; what is not about path and size is nothing to us. */
function paxOf(content: Buffer): { path?: string; size?: number } {
  const told: { path?: string; size?: number } = {};
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const length = Number(content.toString("latin1", at, space));
    if (space < 0 || !Number.isInteger(length) || length <= space - at || at + length > content.length) {
      throw unfit("a header in it is damaged");
    }
    const [, key, value] = /^([^=]*)=([\s\S]*)\n$/.exec(content.toString("utf8", space + 1, at + length)) ?? [];
    if (key === "path") told.path = value!;
    if (key === "size") told.size = Number(value);
    at += length;
  }
  return told;
}

function isSound(head: Buffer): boolean {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += head[i]!;
  return sum === octal(head, 148, 8);
}

function octal(head: Buffer, at: number, length = 12): number {
  const digits = text(head, at, length).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : digits === "" ? 0 : Number.NaN;
}

function text(bytes: Buffer, at: number, length: number): string {
  const end = bytes.indexOf(0, at);
  return bytes.toString("utf8", at, end < 0 ? at + length : Math.min(end, at + length));
}

function unfit(why: string, cause?: unknown): PluginError {
  return new PluginError(
    "SLUICE_PLUGIN_ARCHIVE",
    `This archive is not taken: ${why}. Get it from another source.`,
    cause,
  );
}
