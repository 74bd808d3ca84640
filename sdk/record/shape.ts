import { type Leaf, type Schema, wordsOf } from "./fields.ts";
import { FLOAT_SIZE, INT_SIZE } from "./msgpack.ts";
import type { MsgpackScanner, Trace } from "./scan-msgpack.ts";

/**
 * Scanners for one shape of record: the same keys, written the same way, in the same order. Between two values lie
 * constant bytes (keys, headers of nested structs), which are compared four at a time; each value's token is checked as the general scanner
 * does. Anything else gives -1, and the general scanner decides: a shape is a short way, never another opinion.
 */
export type ShapeScan = (
  b: Buffer,
  view: DataView,
  start: number,
  end: number,
  slots: Uint32Array,
  base: number,
) => number;

const MAX_VALUES = 256;
const MAX_CONSTANT = 8192;

/** Least bytes of a valid token. */
function least(leaf: Leaf | null): number {
  return leaf?.type === "time" ? 3 : 1;
}

/** Null where the shape is too odd or code generation is forbidden. `start`, `end`: of the record that the trace saw. */
export function compileShape(
  scanner: MsgpackScanner,
  schema: Schema,
  trace: Trace,
  b: Buffer,
  start: number,
  end: number,
): ShapeScan | null {
  const { values } = trace;
  if (trace.odd || values.length > MAX_VALUES) return null;
  // runs[i] lies before value i; the last one after all.
  const runs: Buffer[] = [];
  let from = start;
  for (const value of values) {
    runs.push(b.subarray(from, value.start));
    from = value.end;
  }
  runs.push(b.subarray(from, end));
  // What must at least follow once value i - 1 is read.
  const rest = new Array<number>(runs.length);
  for (let i = runs.length - 1, sum = 0; i >= 0; i--) {
    sum += runs[i]!.length + (i < values.length ? least(values[i]!.leaf) : 0);
    rest[i] = sum;
  }
  if (rest[0]! > MAX_CONSTANT) return null;

  const leaves = values.map((value) => value.leaf);
  const checks = [`if (!(start <= end - ${rest[0]})) return -1;`];
  // Another shape may have begun to fill this row.
  const kept = new Set(leaves.flatMap((leaf) => (leaf ? wordsOf(leaf) : [])));
  for (let word = 0; word < schema.stride; word++) if (!kept.has(word)) checks.push(`slots[base + ${word}] = 0;`);
  const steps = runs.map((run, i) => [
    ...constant(run),
    ...(i < leaves.length ? [...token(leaves[i]!, i), `if (!(p <= end - ${rest[i + 1]})) return -1;`] : []),
  ]);
  try {
    const make = new Function("INT_SIZE", "FLOAT_SIZE", "scanner", "leaves", source(checks, steps));
    return make(INT_SIZE, FLOAT_SIZE, scanner, leaves) as ShapeScan;
  } catch (error) {
    if (error instanceof EvalError) return null;
    throw error;
  }
}

/** Values of one function: compiling all in one would take each thread 25 MB for a moment. */
const TOGETHER = 20;

function source(checks: readonly string[], steps: readonly (readonly string[])[]): string {
  const parts: string[] = [];
  const calls: string[] = [];
  for (let i = 0; i < steps.length; i += TOGETHER) {
    const lines = steps.slice(i, i + TOGETHER).flat();
    parts.push(
      `function part${i}(b, view, p, end, slots, base) {\nlet c = 0, s = 0;\n${lines.join("\n")}\nreturn p;\n}`,
    );
    calls.push(`p = part${i}(b, view, p, end, slots, base); if (p < 0) return -1;`);
  }
  const body = [...checks, "let p = start;", ...calls, "return p;"].join("\n");
  return `${parts.join("\n")}\nreturn function scanShape(b, view, start, end, slots, base) {\n${body}\n}`;
}

/** Compares the bytes at `p` and steps over them; they lie within the record. */
function constant(run: Buffer): string[] {
  if (run.length === 0) return [];
  const tests: string[] = [];
  if (run.length < 4) {
    for (const [i, byte] of run.entries()) tests.push(`b[p + ${i}] !== ${byte}`);
  } else {
    const word = (i: number) => tests.push(`view.getInt32(p + ${i}, true) !== ${run.readInt32LE(i)}`);
    for (let i = 0; i + 4 <= run.length; i += 4) word(i);
    if (run.length % 4 !== 0) word(run.length - 4);
  }
  return [`if (${tests.join(" || ")}) return -1;`, `p += ${run.length};`];
}

/**
 * Checks a token, writes its slots and steps over it. Bytes past the record may be looked at, but then `p` passes the end, and the check that
 * follows sees it (it also catches NaN, which bytes past the slab give).
 */
function token(leaf: Leaf | null, i: number): string[] {
  const other = `p = scanner.other(leaves[${i}], b, p, end, slots, base); if (p < 0) return -1;`;
  if (leaf === null) return [other];
  const slot = `slots[base + ${leaf.slot}]`;
  switch (leaf.type) {
    case "text": {
      const store = leaf.slot < 0 ? "" : `${slot} = s; slots[base + ${leaf.slot + 1}] = p;`;
      return [
        "c = b[p];",
        "if ((c & 0xe0) === 0xa0) { s = p + 1; p = s + (c & 31); }",
        "else if (c === 0xd9) { s = p + 2; p = s + b[p + 1]; }",
        "else if (c === 0xda) { s = p + 3; p = s + (b[p + 1] << 8 | b[p + 2]); }",
        `else { ${other} s = slots[base + ${Math.max(0, leaf.slot)}]; }`,
        store,
      ];
    }
    case "int64":
    case "int32":
    case "uint32":
    case "float": {
      const sizes = leaf.type === "float" ? "FLOAT_SIZE" : "INT_SIZE";
      return [
        "c = b[p];",
        `${slot} = c === 0xc0 ? 0 : p;`,
        `if (c < 0x80) p++; else { c = ${sizes}[c]; if (c === 0) return -1; p += c; }`,
      ];
    }
    case "boolean":
      return ["if ((b[p] & 0xfe) !== 0xc2) return -1;", `${slot} = p++;`];
    case "time":
      return [
        "if (b[p] !== 0x92) return -1;",
        `${slot} = p++;`,
        "c = INT_SIZE[b[p]]; if (!(c > 0)) return -1; p += c;",
        "c = INT_SIZE[b[p]]; if (!(c > 0)) return -1; p += c;",
      ];
    default:
      return [`if (b[p] === 0xc0) { ${slot} = 0; p++; } else { ${other} }`];
  }
}
