import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import file from "./conformance.ts";
import csv from "./index.ts";

test("the csv sink keeps the promises of a sink", async () => {
  const report = await conformanceOf(csv, file);
  expect(report.kept, formatConformance(report)).toBe(true);
});
