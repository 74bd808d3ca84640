import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import file from "./conformance.ts";
import prometheus from "./index.ts";

test("the prometheus sink keeps the promises of a sink", async () => {
  const report = await conformanceOf(prometheus, file);
  expect(report.kept, formatConformance(report)).toBe(true);
});
