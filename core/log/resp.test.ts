import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogError } from "./errors.ts";
import { encodeCommand, RangeReply } from "./resp.ts";

function encodeReply(bodies: readonly Uint8Array[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${bodies.length}\r\n`)];
  for (const body of bodies) parts.push(Buffer.from(`$${body.length}\r\n`), body, Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

/** Feeds bytes as the reader does: into the slab while there is room, else past it. */
function feed(reply: RangeReply, bytes: Uint8Array, sizes: readonly number[]): number {
  let p = 0;
  for (let i = 0; p < bytes.length && !reply.done; i++) {
    if (!reply.dropping && reply.end === reply.slab.length) reply.overflow();
    const size = Math.min(sizes[i % sizes.length]!, bytes.length - p);
    if (reply.dropping) {
      p += reply.consume(bytes.subarray(p, p + size), 0, size);
      continue;
    }
    const n = Math.min(size, reply.want);
    expect(n).toBeGreaterThan(0);
    reply.slab.set(bytes.subarray(p, p + n), reply.end);
    const stop = reply.consume(reply.slab, reply.end, reply.end + n);
    p += stop - reply.end;
    reply.end = stop;
  }
  return p;
}

function contents(reply: RangeReply): Buffer[] {
  const at = reply.finish();
  const offsets = new Uint32Array(reply.slab.buffer, at, 2 * reply.fitted);
  return Array.from({ length: reply.fitted }, (_, i) =>
    Buffer.from(reply.slab.slice(offsets[2 * i]!, offsets[2 * i + 1]!)),
  );
}

function newReply(slabBytes: number, asked: number, expected = 1000): RangeReply {
  return new RangeReply(new Uint8Array(new SharedArrayBuffer(slabBytes)), asked, new Uint32Array(2 * asked), expected);
}

describe("the reply of a bulk read", () => {
  test("however it is cut and whatever fits, a prefix of the records arrives and the connection stays in step", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 6000 }),
        fc.integer({ min: 1, max: 10_000 }),
        (bodies, sizes, slabBytes, expected) => {
          const reply = newReply(slabBytes, Math.max(1, bodies.length), expected);
          const bytes = Buffer.concat([encodeReply(bodies), Buffer.from("*1\r\n$1\r\nx\r\n")]);
          expect(feed(reply, bytes, sizes)).toBe(encodeReply(bodies).length);
          expect(reply.done).toBe(true);
          expect(reply.received).toBe(bodies.length);
          const got = contents(reply);
          expect(got).toEqual(bodies.slice(0, reply.fitted).map((body) => Buffer.from(body)));
          expect(reply.bytes).toBe(got.reduce((sum, body) => sum + body.length, 0));
          if (reply.fitted === 0 && bodies.length > 0) {
            // A slab of the size asked for holds at least the first.
            const again = newReply(reply.need, bodies.length, expected);
            feed(again, bytes, sizes);
            expect(again.fitted).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  test("one answer for several: each gets its own, or none where there are too few", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 8 }), {
          minLength: 2,
          maxLength: 4,
        }),
        fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 3 }),
        (parts, sizes, missing) => {
          const all = parts.flat();
          const bytes = encodeReply(all.slice(0, Math.max(0, all.length - missing)));
          const replies = parts.map((bodies) => newReply(2000, bodies.length));
          replies[0]!.shared = all.length - parts[0]!.length;
          for (const reply of replies.slice(1)) reply.follow();
          let p = feed(replies[0]!, bytes, sizes);
          expect(replies[0]!.short).toBe(missing > 0);
          if (missing > 0) {
            expect(p).toBe(bytes.length);
            expect(replies[0]!.fitted).toBe(0);
            return;
          }
          for (const reply of replies.slice(1)) p += feed(reply, bytes.subarray(p), sizes);
          expect(p).toBe(bytes.length);
          for (const [i, reply] of replies.entries()) {
            expect(reply.done).toBe(true);
            expect(contents(reply)).toEqual(parts[i]!.map((body) => Buffer.from(body)));
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test("any bytes at all: an error or an end, nothing beyond the slab", () => {
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.constantFrom("*", "$", "-", "+", ":", "\r\n", "0", "9", "99999999999", "-1", "1", "2", "x"), {
          maxLength: 40,
        })
        .map((parts) => Buffer.from(parts.join(""))),
    );
    fc.assert(
      fc.property(hostile, fc.integer({ min: 0, max: 100 }), (bytes, slabBytes) => {
        const reply = newReply(slabBytes, 3);
        try {
          feed(reply, bytes, [7]);
        } catch (error) {
          expect(error).toBeInstanceOf(LogError);
        }
        expect(reply.end).toBeLessThanOrEqual(slabBytes);
        expect(reply.fitted).toBeLessThanOrEqual(3);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["*4\r\n", "*1\r\n:1\r\n", "*1\r\n$-1\r\n", "*-1\r\n", "*1\r\n$99999999999\r\n", ":5\r\n", "*\r\n"])(
    "out of step: %j",
    (text) => {
      expect(() => feed(newReply(100, 3), Buffer.from(text), [100])).toThrow(LogError);
    },
  );

  test("an error's line is kept, to a bound", () => {
    const reply = newReply(10, 1);
    feed(reply, Buffer.from(`-WRONGTYPE ${"x".repeat(5000)}\r\n`), [100]);
    expect(reply.done).toBe(true);
    expect(reply.line).toMatch(/^-WRONGTYPE x+$/);
    expect(reply.line!.length).toBeLessThanOrEqual(1024);
  });

  test("commands count bytes, not characters", () => {
    expect(encodeCommand(["GET", "ä", 7])).toBe("*3\r\n$3\r\nGET\r\n$2\r\nä\r\n$1\r\n7\r\n");
  });
});
