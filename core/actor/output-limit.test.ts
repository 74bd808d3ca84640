import { expect, test } from "vitest";
import { outputLimit } from "./output-limit.ts";

test("fifty lines a second of eight KiB; the rest is counted", () => {
  const printed: string[] = [];
  let now = 0;
  const print = outputLimit(
    (line) => printed.push(line),
    () => now,
  );
  print(`first\n\n${"x".repeat(20_000)}\n`);
  expect(printed.map(({ length }) => length)).toEqual([5, 8192]);
  for (let i = 0; i < 1000; i++) print(`line ${i}\n`);
  expect(printed).toHaveLength(50);
  now = 1000;
  print("next\n");
  expect(printed.slice(50)).toEqual(["952 more lines that it printed were dropped", "next"]);
});
