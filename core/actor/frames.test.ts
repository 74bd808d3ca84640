import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import fc from "fast-check";
import { expect, test } from "vitest";
import { isFromThread } from "./body.ts";
import { frameReader, writeFrame } from "./frames.ts";

/** The bytes of these messages, as a pipe would carry them. */
function bytesOf(messages: readonly { json: object; raw: Uint8Array }[]): Buffer {
  const parts: Buffer[] = [];
  const pipe = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      parts.push(Buffer.from(chunk));
      done();
    },
  });
  for (const { json, raw } of messages) writeFrame(pipe as Socket, json, [raw.subarray(0, 3), raw.subarray(3)]);
  return Buffer.concat(parts);
}

function read(chunks: readonly Uint8Array[], most = 1000) {
  const heard: { json: unknown; raw: number[] }[] = [];
  const faults: string[] = [];
  const reader = frameReader(most, {
    memory: (bytes) => (bytes > most ? undefined : new Uint8Array(bytes)),
    message: (json, bytes) => void heard.push({ json, raw: [...(bytes ?? [])] }),
    fault: (why) => void faults.push(why),
  });
  for (const chunk of chunks) reader.feed(chunk);
  return { heard, faults };
}

test("messages arrive whole, however the pipe cuts them", () => {
  const message = fc.record({ json: fc.dictionary(fc.string(), fc.string()), raw: fc.uint8Array({ maxLength: 20 }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 5 }), fc.array(fc.nat(200)), (messages, cuts) => {
      const bytes = bytesOf(messages);
      const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
      const chunks = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
      expect(read(chunks)).toEqual({
        heard: messages.map(({ json, raw }) => ({ json: JSON.parse(JSON.stringify(json)), raw: [...raw] })),
        faults: [],
      });
    }),
  );
});

test("what is no frame is a fault, and nothing is read after it", () => {
  const frame = (json: number, raw: number, text = "") => {
    const head = Buffer.alloc(8);
    head.writeUInt32LE(json, 0);
    head.writeUInt32LE(raw, 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const good = bytesOf([{ json: {}, raw: new Uint8Array() }]);
  for (const bad of [
    frame(0, 0),
    frame(2000, 0),
    frame(2, 2000),
    frame(4_000_000_000, 4_000_000_000),
    frame(3, 0, "no!"),
  ]) {
    expect(read([Buffer.concat([bad, good])])).toEqual({ heard: [], faults: [expect.any(String)] });
  }
});

test("only what the protocol knows is taken for a message", () => {
  const counts = { written: 1, filtered: 0, skipped: 0, retries: 0 };
  expect(isFromThread({ t: "settled", seqs: [1], rejected: [], counts })).toBe(true);
  expect(isFromThread({ t: "drained" })).toBe(true);
  const ms = { wall: 9, idle: 1, scan: 1, filter: 1, plugin: 5, backEnd: 1, retry: 0, records: 0, cpu: 7, gc: 1 };
  const loopDelayMs = { p50: 0, p99: 1, max: 2 };
  const measured = { t: "measured", ms, records: 1, bytes: 1, calls: 1, failed: 0, latency: [0, 1], loopDelayMs };
  expect(isFromThread(measured)).toBe(true);
  const wrong: unknown[] = [
    null,
    "settled",
    {},
    { t: "constructor" },
    { t: "settled" },
    { t: "settled", seqs: ["1"], rejected: [], counts },
    { t: "settled", seqs: [1], rejected: [{ seq: 1, index: 0.5, reason: "" }], counts },
    { t: "settled", seqs: [1], rejected: [], counts: { ...counts, written: Number.NaN } },
    { t: "fatal", during: "open", error: null },
    { t: "report", log: [null], metrics: [], dropped: 0 },
    { t: "measured" },
    { ...measured, ms: { ...ms, idle: undefined } },
    { ...measured, ms: null },
    { ...measured, calls: Number.POSITIVE_INFINITY },
    { ...measured, latency: ["1"] },
    { ...measured, latency: new Array(1001).fill(0) },
    { ...measured, loopDelayMs: { p50: 1 } },
    { t: "report", log: [], metrics: {}, dropped: 0 },
  ];
  for (const message of wrong) expect([message, isFromThread(message)]).toEqual([message, false]);
});
