import { expect, test } from "vitest";
import { formatAnswers } from "./answers.ts";

test("three tables, names made safe for a terminal and of one line", () => {
  const lines = formatAnswers({
    busiest: [{ api: "Orders\n\x1b[31m", hits: 1234, share: 0.5 }],
    failing: [{ api: "x".repeat(100), hits: 10, errors: 1, rate: 0.1 }],
    slowest: [{ path: "/a", hits: 20, p95: 1500, mean: 12.34 }],
  });
  expect(lines).toEqual([
    "",
    "Busiest APIs  requests   share",
    "Orders [31m      1,234  50.0 %",
    "",
    `Error rate by API${" ".repeat(43)}  failed  of    rate`,
    `${"x".repeat(59)}…       1  10  10.0 %`,
    "",
    "Slowest paths  95 % within     mean  requests",
    "/a                1,500 ms  12.3 ms        20",
  ]);
});

test("no lines without requests", () => {
  expect(formatAnswers({ busiest: [], failing: [], slowest: [] })).toEqual([]);
});
