import { batch } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import { seriesPreview } from "./preview.ts";

const spec = { help: "", keyEnd: undefined, mcpOnly: false, types: [], bounds: [] };

test("a preview is the series that a record counts in, with what it adds", () => {
  const preview = seriesPreview(
    [
      { ...spec, name: "requests", type: "counter", labels: ["api", "code"] },
      { ...spec, name: "time", type: "histogram", labels: ["api"], types: ["total"], bounds: [10, 100] },
      { ...spec, name: "mcp_only", type: "counter", labels: ["api"], mcpOnly: true },
    ],
    { trackAllPaths: false, means: false, maxSeries: 100 },
  );
  const one = batch([{ apiId: 'a"1', responseCode: 200, requestTime: 42 }]);
  const lines = ['requests{api="a\\"1",code="200"} +1', 'time_sum{api="a\\"1",type="total"} +42'];
  expect(preview(one).split("\n")).toEqual(lines);
  // Nothing is kept from one to the next.
  expect(preview(one).split("\n")).toEqual(lines);
});
