import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const BLOCK = 64 * 1024;
const LOOK_MS = 200;
const NEWLINE = 10;

/** The last `count` lines of a log and its rotated files, oldest first, with their line ends. Empty where there is no log. */
export function lastLines(file: string, count: number): string {
  const parts: Buffer[] = [];
  let left = count;
  for (let i = 0; left > 0; i++) {
    const fd = tryOpen(nameOf(file, i));
    if (fd === null) break;
    const part = readEnd(fd, left);
    parts.unshift(part.text);
    left -= part.lines;
    closeSync(fd);
  }
  return Buffer.concat(parts).toString();
}

/** What is written to the log from now on, across rotations, until `over`. Waits for a log that is not there yet. */
export async function* follow(file: string, over: AbortSignal): AsyncGenerator<string> {
  let fd = tryOpen(file);
  let at = fd === null ? 0 : fstatSync(fd).size;
  const read = (): string => {
    if (fd === null) return "";
    // Somebody emptied it.
    if (fstatSync(fd).size < at) at = 0;
    const lines = readLines(fd, at);
    at += lines.length;
    return lines.toString();
  };
  while (!over.aborted) {
    const lines = read();
    if (lines !== "") {
      yield lines;
      continue;
    }
    const next = newerThan(file, fd);
    if (next !== null) {
      // What was written between the last look and the rotation.
      for (let rest = read(); rest !== ""; rest = read()) yield rest;
      if (fd !== null) closeSync(fd);
      fd = next;
      at = 0;
    } else await sleep(LOOK_MS, undefined, { signal: over }).catch(() => undefined);
  }
  if (fd !== null) closeSync(fd);
}

/** The file that was begun after this one: its successor among the rotated ones. Null: this is the newest. */
function newerThan(file: string, fd: number | null): number | null {
  const inode = fd === null ? null : fstatSync(fd).ino;
  for (let i = 0; ; i++) {
    const found = statSync(nameOf(file, i), { throwIfNoEntry: false });
    // It was deleted: what there is now is another log.
    if (found === undefined && fd !== null) return tryOpen(file);
    if (found === undefined || found.ino === inode) return i === 0 ? null : tryOpen(nameOf(file, i - 1));
  }
}

function nameOf(file: string, i: number): string {
  return i === 0 ? file : `${file}.${i}`;
}

function tryOpen(file: string): number | null {
  try {
    return openSync(file, "r");
  } catch {
    return null;
  }
}

/** Whole lines, as many as a block holds; a longer one in parts. */
function readLines(fd: number, at: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const data = block.subarray(0, readSync(fd, block, 0, BLOCK, at));
  const whole = data.subarray(0, data.lastIndexOf(NEWLINE) + 1);
  return whole.length === 0 && data.length === BLOCK ? data : whole;
}

/** What the last `count` lines begin with; a line end begins a line unless the file ends there. */
function readEnd(fd: number, count: number): { text: Buffer; lines: number } {
  const { size } = fstatSync(fd);
  const parts: Buffer[] = [];
  let lines = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - BLOCK);
    const block = Buffer.alloc(end - start);
    readSync(fd, block, 0, block.length, start);
    for (let at = block.length - 1; at >= 0; at--) {
      if (block[at] !== NEWLINE || start + at === size - 1 || ++lines < count) continue;
      parts.unshift(block.subarray(at + 1));
      return { text: Buffer.concat(parts), lines };
    }
    parts.unshift(block);
    end = start;
  }
  return { text: Buffer.concat(parts), lines: size === 0 ? 0 : lines + 1 };
}
