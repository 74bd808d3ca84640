import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { isFromThread } from "../../core/actor/body.ts";
import { frameReader } from "../../core/actor/frames.ts";
import { type BulkReader, openBulkReader } from "../../core/log/bulk-reader.ts";
import { LogError } from "../../core/log/errors.ts";
import { RangeReply } from "../../core/log/resp.ts";
import { orKnown } from "./checks.ts";
import type { Target } from "./harness.ts";
import { mutated } from "./mutate.ts";

const SLAB = 4096;
const ASKED = 4;

const REPLIES = [["a", "bc", ""], ["x".repeat(300), "y".repeat(2000), "z".repeat(5000), "\r\n$1\r\n"], []].map(
  encodeReply,
);
const STARTS = [
  ...REPLIES,
  ..."-ERR no\r\n|+OK\r\n|*1\r\n$-1\r\n|$3\r\nabc\r\n|:1\r\n|*-1\r\n|%1\r\n"
    .split("|")
    .map((text) => Buffer.from(text)),
];

interface Cut {
  bytes: Buffer;
  /** Sizes of the pieces in which it arrives, again and again. */
  sizes: number[];
}
const cut = fc.record({
  bytes: mutated(STARTS),
  sizes: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 4 }),
});
const bytesOf = ({ bytes }: Cut) => bytes;

/** What a server answers to a bulk read: the same however it is cut, a byte at a time at the worst; nothing beyond the slab. */
export const respTarget: Target<Cut> = {
  name: "resp",
  input: cut,
  bytes: bytesOf,
  run({ bytes, sizes }) {
    const whole = read(bytes, [bytes.length || 1]);
    for (const pieces of [sizes, [1]]) {
      const said = read(bytes, pieces);
      if (said !== whole) throw new Error(`in pieces of ${pieces} it reads ${said}, at once ${whole}`);
    }
  },
};

function encodeReply(bodies: readonly string[]): Buffer {
  return Buffer.from(`*${bodies.length}\r\n${bodies.map((body) => `$${body.length}\r\n${body}\r\n`).join("")}`);
}

function read(bytes: Buffer, sizes: readonly number[]): string {
  const beside = Buffer.alloc(SLAB + 64, 0xee);
  const reply = new RangeReply(beside.subarray(0, SLAB), ASKED, new Uint32Array(2 * ASKED), 100);
  let outcome: string;
  try {
    feed(reply, bytes, sizes);
    const records = reply.done ? Array.from({ length: reply.fitted }, (_, i) => recordAt(reply, i)) : [];
    outcome = JSON.stringify([reply.done, reply.done && reply.received, reply.line, reply.need, records]);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    outcome = error.message;
  }
  if (beside.subarray(SLAB).some((byte) => byte !== 0xee)) throw new Error("it wrote beyond the slab");
  return outcome;
}

function feed(reply: RangeReply, bytes: Buffer, sizes: readonly number[]): void {
  for (let p = 0, i = 0; p < bytes.length && !reply.done; i++) {
    if (!reply.dropping && reply.end === reply.slab.length) reply.overflow();
    const piece = bytes.subarray(p, p + sizes[i % sizes.length]!);
    if (reply.dropping) {
      p += reply.consume(piece, 0, piece.length);
      continue;
    }
    const n = Math.min(piece.length, reply.want);
    reply.slab.set(piece.subarray(0, n), reply.end);
    const stop = reply.consume(reply.slab, reply.end, reply.end + n);
    p += stop - reply.end;
    reply.end = stop;
  }
}

function recordAt(reply: RangeReply, i: number): string {
  const at = reply.slab.byteOffset + reply.finish();
  const offsets = new Uint32Array(reply.slab.buffer, at, 2 * reply.fitted);
  return Buffer.from(reply.slab.subarray(offsets[2 * i]!, offsets[2 * i + 1]!)).toString("latin1");
}

let server: Server | null = null;
let answer: Cut = { bytes: Buffer.alloc(0), sizes: [1] };

/** The same from a socket, several reads in flight: each ends, with records that fit in its slab or a LogError. */
export const bulkReaderTarget: Target<Cut> = {
  name: "bulk-reader",
  input: cut,
  bytes: bytesOf,
  async run(input) {
    answer = input;
    server ??= await listen();
    const reader = dial(server);
    // Neighbours are read with one command; the fourth is not one of them.
    const reads = [0, 1, 2, 5].map(async (i) => {
      const slab = new SharedArrayBuffer(SLAB);
      const found = await orKnown(
        () => reader.range({ key: "k", from: i * ASKED, count: ASKED, slab, mean: 10 }),
        LogError,
      );
      if (!found) return;
      const offsets = new Uint32Array(slab, found.at, 2 * found.fitted);
      if (found.fitted > ASKED || offsets.some((offset) => offset > SLAB)) throw new Error("records that do not fit");
    });
    await Promise.all(reads).finally(() => reader.close());
  },
  async end() {
    server?.close();
    server = null;
  },
};

async function listen(): Promise<Server> {
  const one = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => say(socket, answer));
  }).listen(0, "127.0.0.1");
  await once(one, "listening");
  return one;
}

function dial(to: Server): BulkReader {
  const address = { host: "127.0.0.1", port: (to.address() as AddressInfo).port };
  const session = () => ({ address, tls: undefined, credential: { username: "", password: "" } });
  return openBulkReader({ where: () => "here", session, database: 0, timeoutMs: 2000 });
}

/** In two pieces, and then the end: so every read has one. */
function say(socket: Socket, { bytes, sizes }: Cut): void {
  const [size] = sizes;
  socket.write(bytes.subarray(0, size));
  setImmediate(() => socket.end(bytes.subarray(size)));
}

const MESSAGES = [
  {
    t: "settled",
    seqs: [1],
    rejected: [{ seq: 1, index: 0, reason: "" }],
    counts: { written: 1, filtered: 0, skipped: 0, retries: 0 },
  },
  { t: "rejecting", id: 1, rejected: [{ seq: 1, index: 0, reason: "" }] },
  {
    t: "report",
    log: [{ level: "info", message: "m", more: {} }],
    metrics: [{ name: "a", kind: "counter", value: 1 }],
    dropped: 0,
  },
  { t: "fatal", during: "open", error: { name: "E", code: "C", message: "m" } },
  {
    t: "ready",
    api: 1,
    reads: "analytics",
    batch: { records: 1 },
    gather: null,
    concurrency: 1,
    single: false,
    decodes: true,
  },
];
const LARGEST = 4096;

/** What a plugin's process sends, frame by frame: messages of the protocol or one fault, and no memory for more than is allowed. */
export const framesTarget: Target<Cut> = {
  name: "frames",
  input: fc.record({
    bytes: mutated(MESSAGES.map(frame)),
    sizes: fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 3 }),
  }),
  bytes: bytesOf,
  run({ bytes, sizes }) {
    const outcome = (pieces: readonly number[]): string => {
      const heard: unknown[] = [];
      const take = (size: number) => (size > LARGEST ? undefined : new Uint8Array(size));
      const reader = frameReader(LARGEST, {
        memory: take,
        message: (message, raw) => void heard.push(isFromThread(message) ? message : "refused", raw?.length),
        fault: (why) => void heard.push(why),
      });
      for (
        let p = 0, i = 0;
        p < bytes.length && !heard.some((one) => typeof one === "string" && one !== "refused");
        i++
      ) {
        const size = pieces[i % pieces.length]!;
        reader.feed(bytes.subarray(p, p + size));
        p += size;
      }
      return JSON.stringify(heard);
    };
    const meant = JSON.stringify(framesIn(bytes));
    for (const pieces of [[bytes.length || 1], sizes]) {
      const heard = outcome(pieces);
      if (heard !== meant) throw new Error(`in pieces of ${pieces} it hears ${heard}, not ${meant}`);
    }
  },
};

/** What lies in the bytes, read in the plainest way. */
function framesIn(bytes: Buffer): unknown[] {
  const heard: unknown[] = [];
  for (let at = 0; at + 8 <= bytes.length; ) {
    const [json, raw] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    if (json === 0 || json > LARGEST || raw > LARGEST) return [...heard, `a message of ${json + raw} bytes`];
    const end = at + 8 + json + raw;
    if (end > bytes.length) break;
    let message: unknown;
    try {
      message = JSON.parse(bytes.toString("utf8", at + 8, at + 8 + json));
    } catch {
      return [...heard, "a message that is not JSON"];
    }
    heard.push(isFromThread(message) ? message : "refused", raw === 0 ? undefined : raw);
    at = end;
  }
  return heard;
}

function frame(message: object): Buffer {
  const json = Buffer.from(JSON.stringify(message));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(3, 4);
  return Buffer.concat([head, json, Buffer.from("raw")]);
}
