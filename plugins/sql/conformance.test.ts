import { conformanceOf, formatConformance } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import file from "./conformance.ts";
import definitions from "./index.ts";

for (const definition of definitions) {
  test(`the ${definition.type} sink keeps the promises of a sink`, async () => {
    const report = await conformanceOf(definition, file);
    expect(report.kept, formatConformance(report)).toBe(true);
  });
}
