import { expect, test } from "vitest";
import { exposition } from "./exposition.ts";
import type { Family } from "./families.ts";

test("a family is its help, its type, and a line for each sample", () => {
  const family: Family<number[]> = {
    name: "things",
    help: "Back\\slash\nand line.",
    type: "gauge",
    samples: (values) => values.map((value, i) => ({ labels: { a: `"${i}\n`, b: "\\" }, value })),
  };
  const text = exposition([family])([1.5, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]);
  expect(text.split("\n")).toEqual([
    "# HELP things Back\\\\slash\\nand line.",
    "# TYPE things gauge",
    'things{a="\\"0\\n",b="\\\\"} 1.5',
    'things{a="\\"1\\n",b="\\\\"} +Inf',
    'things{a="\\"2\\n",b="\\\\"} -Inf',
    'things{a="\\"3\\n",b="\\\\"} NaN',
    "",
  ]);
});

test("a sample may have a name of its own, and no labels", () => {
  const samples = () => [{ name: "things_sum", labels: {}, value: 1e21 }];
  expect(exposition([{ name: "things", help: "", type: "histogram", samples }])(null)).toContain(
    "\nthings_sum 1e+21\n",
  );
});
