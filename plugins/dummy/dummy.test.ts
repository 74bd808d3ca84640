import { open } from "@sluice/sdk/testing";
import { expect, test } from "vitest";
import dummy from "./index.ts";

test("says at once that it discards, then counts what it is given", async () => {
  const sink = await open(dummy, { anything: 1 });
  sink.deliver([{ path: "/a" }, { path: "/b" }]);
  await sink.settled();
  await sink.close();
  expect(sink.taken.written).toBe(2);
  expect(sink.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    "warn: The sink dummy discards every record that it is given: use it for tests only",
    "debug: Discarded 2 records",
  ]);
});
