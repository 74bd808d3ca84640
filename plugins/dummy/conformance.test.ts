import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import file from "./conformance.ts";
import dummy from "./index.ts";

test("the dummy sink keeps the promises of a sink", async () => {
  const report = await conformanceOf(dummy, file);
  expect(report.kept, formatConformance(report)).toBe(true);
});
