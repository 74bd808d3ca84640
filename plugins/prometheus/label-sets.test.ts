import type { AnalyticsRecord } from "@sluice/sdk";
import { batch } from "@sluice/sdk/testing";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LabelSets } from "./label-sets.ts";
import { LabelValues } from "./label-values.ts";
import { labelSource } from "./labels.ts";

type Row = readonly (string | number)[];

/** Takes values from rows, where the sink takes them from records. */
function tables(width: number, limits: readonly (readonly [columns: number[], limit: number])[]) {
  let row: Row = [];
  const values = new LabelValues();
  const sources = Array.from({ length: width }, (_, i) => ({ value: () => row[i]! }));
  const sets = limits.map(([columns, limit]) => {
    const places = columns.map((column) => values.column(sources[column]!));
    return new LabelSets(values, places, limit);
  });
  return (next: Row) => {
    row = next;
    values.read({} as AnalyticsRecord);
    return sets.map((one) => one.current());
  };
}

test("sets are told apart and numbered as a map of their values would, each table up to its own limit", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "a--b", ""), fc.nat(30), fc.string({ maxLength: 1 })), {
        maxLength: 300,
      }),
      fc.integer({ min: 1, max: 60 }),
      (rows, limit) => {
        const columns = [[0, 1, 2], [2], [1, 0], []];
        const place = tables(
          3,
          columns.map((some) => [some, limit] as const),
        );
        const models = columns.map(() => new Map<string, number>());
        for (const row of rows) {
          const expected = models.map((model, i) => {
            const key = JSON.stringify(columns[i]!.map((column) => String(row[column])));
            if (!model.has(key) && model.size < limit) model.set(key, model.size);
            return model.get(key) ?? -1;
          });
          expect(place(row)).toEqual(expected);
        }
      },
    ),
    { numRuns: 200 },
  ));

test("many sets", () => {
  const place = tables(2, [[[0, 1], 1_000_000]]);
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 50_000; i++) {
      const [set] = place([`path ${i % 5000}`, Math.floor(i / 5000)]);
      if (set !== i) expect.fail(`set ${i} is numbered ${set}`);
    }
});

test("long values are cut, and all values together have a limit", () => {
  const values = new LabelValues();
  const path = values.column(labelSource("path", { trackAllPaths: true, keyEnd: undefined }));
  const sets = new LabelSets(values, [path], 1_000_000);
  const place = (...paths: string[]) => {
    return [...batch(paths.map((path) => ({ path })))].map((record) => {
      values.read(record);
      return sets.current();
    });
  };
  expect(place("x".repeat(100_000), `${"x".repeat(1024)}y`, "x".repeat(1024), "x".repeat(1023))).toEqual([0, 0, 0, 1]);
  let kept = 0;
  for (let refused = false; !refused; kept += 1000) {
    refused = place(...Array.from({ length: 1000 }, (_, i) => `${kept + i}`.padEnd(1024, "z"))).includes(-1);
  }
  expect(kept).toBeGreaterThan(30_000);
  expect(kept).toBeLessThan(40_000);
  expect(place("x".repeat(1024))).toEqual([0]);
});

test("values whose bytes are one text are one set, whichever metric sees them first", () => {
  const values = new LabelValues();
  const path = values.column(labelSource("path", { trackAllPaths: true, keyEnd: undefined }));
  const sets = new LabelSets(values, [path], 100);
  const paths = [[0x61, 0xff], [0x61, 0xfe], Buffer.from("a\ufffd"), [0x61]].map((path) => ({
    path: Uint8Array.from(path),
  }));
  const numbers = [...batch(paths)].map((record) => {
    values.read(record);
    return sets.current();
  });
  expect(numbers).toEqual([0, 0, 0, 1]);
});
