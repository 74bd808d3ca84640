import fc from "fast-check";
import { expect, test } from "vitest";
import { lastRowEnd } from "./last-row.ts";

async function endOf(bytes: Buffer): Promise<{ end: number | null; read: number }> {
  let read = 0;
  const end = await lastRowEnd(bytes.length, async (at, size) => {
    read += size;
    return bytes.subarray(at, at + size);
  });
  return { end, read };
}

/** As Go's encoding/csv would. */
function cell(text: string): string {
  return /[",\r\n]|^\s|^\\\.$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** Rows, and where each ends. */
function fileOf(rows: readonly (readonly string[])[]): { bytes: Buffer; ends: number[] } {
  const lines = rows.map((row) => Buffer.from(`${row.map(cell).join(",")}\n`));
  let end = 0;
  return { bytes: Buffer.concat(lines), ends: lines.map(({ length }) => (end += length)) };
}

const hostile = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z0-9/.]{0,40}$/) },
  { weight: 1, arbitrary: fc.string({ maxLength: 2000 }) },
  { weight: 2, arbitrary: fc.stringMatching(/^[",\n\ra ]{0,60}$/) },
  // Rows within a cell: what an attacker would send as a body.
  { weight: 1, arbitrary: fc.nat(30).map((n) => "GET,host,/path,1\n".repeat(n)) },
);

test("a file cut anywhere ends with its last whole row", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(hostile, { minLength: 6, maxLength: 6 }), { minLength: 1, maxLength: 60 }),
      fc.nat(20),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (rows, copies, where) => {
        const { bytes, ends } = fileOf(Array.from({ length: copies + 1 }, () => rows).flat());
        const cut = Math.floor(where * bytes.length);
        const { end } = await endOf(bytes.subarray(0, cut));
        expect(end).toBe(Math.max(0, ...ends.filter((at) => at <= cut)));
      },
    ),
    { numRuns: 300 },
  ));

const ordinary = [
  "GET",
  "api.example.com",
  "/orders/42/",
  "Mozilla/5.0 (X11; Linux) (KHTML, like Gecko)",
  "eyJhIjogMX0=",
];

test("of a large file only the tail is read", async () => {
  const { bytes, ends } = fileOf(Array.from({ length: 100_000 }, () => ordinary));
  const { end, read } = await endOf(bytes.subarray(0, bytes.length - 7));
  expect(end).toBe(ends.at(-2));
  expect(read).toBe(16 * 1024);
});

test("where no field has quotes, more is read until it is certain", async () => {
  const { bytes, ends } = fileOf(Array.from({ length: 5000 }, () => ["GET", "api.example.com", "/orders/42/"]));
  const { end } = await endOf(bytes.subarray(0, bytes.length - 3));
  expect(end).toBe(ends.at(-2));
});

test("a cell larger than the first look is seen whole", async () => {
  const { bytes, ends } = fileOf([ordinary, ["a", "GET,host,/path,1\n".repeat(20_000)]]);
  expect((await endOf(bytes)).end).toBe(ends[1]);
  expect((await endOf(bytes.subarray(0, bytes.length - 2))).end).toBe(ends[0]);
});

test("other files are not judged", async () => {
  expect((await endOf(Buffer.from("a,b\r\nc,d\r\n"))).end).toBe(null);
  expect((await endOf(Buffer.from('say "hello"\n'))).end).toBe(null);
  expect((await endOf(Buffer.from("a,b\r\n".repeat(20_000)))).end).toBe(null);
});
