import { type Batch, encode } from "@sluice/sdk";
import { oneLine } from "./payload.ts";

const RESERVED = new Set(["time", "msg", "level", "logrus_error"]);
/** Bytes of lines written at once. */
const PAGE_BYTES = 1 << 20;

export interface Lines {
  readonly text: Buffer;
  readonly batch: Batch;
}

/**
 * One line a record, as logrus writes an entry in JSON: `{"level":"info","msg":"","time":"...","<name>":{...}}`, keys in byte
 * order, time in whole seconds of UTC. `legacy`: raw requests and responses as they are, without line feeds taken out.
 */
export function jsonLines(name: string, legacy: boolean): (batch: Batch) => Iterable<Lines> {
  let frame = frameOf(name, new Date());
  // What ends a line and begins the next stands between the records, so that nothing is copied to put it there.
  const records = encode.json("record", { join: "concat", before: () => frame.between });
  return function* (batch) {
    frame = frameOf(name, new Date());
    const after = Buffer.from(frame.after);
    for (const page of records.pages(batch, { bytes: PAGE_BYTES })) {
      const body = Buffer.from(page.body.buffer, page.body.byteOffset, page.body.length);
      const parts = legacy ? [body] : withOneLinePayloads(body, page.ends);
      parts[0] = parts[0]!.subarray(after.length);
      yield { text: Buffer.concat([...parts, after]), batch: page.batch };
    }
  };
}

interface Frame {
  /** The end of a line and the beginning of the next. */
  readonly between: string;
  readonly after: string;
}

function frameOf(name: string, now: Date): Frame {
  const key = RESERVED.has(name) ? `fields.${name}` : name;
  const others = { level: "info", msg: "", time: `${now.toISOString().slice(0, 19)}Z` };
  const entries = Object.entries(others).map(([k, v]): [string, string] => [
    k,
    `${JSON.stringify(k)}:${JSON.stringify(v)}`,
  ]);
  const first = entries.filter(([k]) => inByteOrder(k, key)).map(([, text]) => `${text},`);
  const last = entries.filter(([k]) => !inByteOrder(k, key)).map(([, text]) => `,${text}`);
  const after = `${last.join("")}}\n`;
  return { between: `${after}{${first.join("")}${jsonKey(key)}:`, after };
}

function inByteOrder(a: string, b: string): boolean {
  return Buffer.compare(Buffer.from(a), Buffer.from(b)) < 0;
}

function jsonKey(key: string): string {
  return JSON.stringify(key).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const BACKSLASH = 92;
/** Keys of the record, in order. They cannot be found in a value, where a quote has a backslash before it. */
const REQUEST = Buffer.from(',"raw_request":"');
const RESPONSE = Buffer.from('","raw_response":"');
const NEXT = Buffer.from('","ip_address":"');

/** The page in pieces, with raw requests and responses on one line. Those without an escape are so already. */
function withOneLinePayloads(body: Buffer, ends: Uint32Array): Buffer[] {
  const parts: Buffer[] = [];
  let copied = 0;
  const replace = (start: number, end: number) => {
    if (body.subarray(start, end).indexOf(BACKSLASH) < 0) return;
    const literal = body.toString("utf8", start, end);
    const line = oneLine(literal);
    if (line === literal) return;
    parts.push(body.subarray(copied, start), Buffer.from(line));
    copied = end;
  };
  let backslash = body.indexOf(BACKSLASH);
  for (let i = 0, start = 0; i < ends.length && backslash >= 0; start = ends[i++]!) {
    if (backslash < start) backslash = body.indexOf(BACKSLASH, start);
    if (backslash < 0 || backslash >= ends[i]!) continue;
    const request = body.indexOf(REQUEST, start) + REQUEST.length;
    const requestEnd = body.indexOf(RESPONSE, request);
    const response = requestEnd + RESPONSE.length;
    replace(request, requestEnd);
    replace(response, body.indexOf(NEXT, response));
  }
  parts.push(body.subarray(copied));
  return parts;
}
