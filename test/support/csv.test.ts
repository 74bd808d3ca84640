import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { CsvFault, parseCsv, readCsv } from "./csv.ts";

test("fields come out as they went in", () => {
  expect(parseCsv('a,b\n"x ""y""\n,z",\n"",ü\n')).toEqual([
    ["a", "b"],
    ['x "y"\n,z', ""],
    ["", "ü"],
  ]);
});

test.each([
  ["a row without its end", "a,b\nc,d"],
  ["a row cut after a comma", "a,b\nc,"],
  ["a row cut within quotes", 'a,b\nc,"d'],
  ["a row cut between two rows' fields", "a,b\nc\n"],
  ["a row that runs into the next", "a,b\nc,dc,d\n"],
  ["text behind a quote", 'a,b\n"c"d,e\n'],
  ["a quote within a field without quotes", 'a,b\nc"d,e\n'],
  ["a bare carriage return", "a,b\r\n"],
])("%s is a fault", (_, text) => {
  expect(() => parseCsv(text)).toThrow(CsvFault);
});

test.each([
  ["no header", "x,y\n"],
  ["a header twice", "a,b\nx,y\na,b\n"],
  ["nothing", ""],
])("a file with %s is a fault", (_, second) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-csv-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "1.csv"), "a,b\nx,y\n");
  expect(readCsv(folder).rows).toEqual([["x", "y"]]);
  writeFileSync(join(folder, "2.csv"), second);
  expect(() => readCsv(folder)).toThrow(CsvFault);
});
