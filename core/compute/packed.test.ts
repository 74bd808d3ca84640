import fc from "fast-check";
import { expect, test } from "vitest";
import { packRecords, unpackRecords } from "./packed.ts";

test("what is packed comes out again", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array()), (records) => {
      const out = unpackRecords(packRecords(records));
      expect(out.map((record) => [...record])).toEqual(records.map((record) => [...record]));
    }),
  );
});
