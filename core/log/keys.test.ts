import { describe, expect, test } from "vitest";
import { analyticsLists, keysOf } from "./keys.ts";
import { compareIds, nextId } from "./stream-id.ts";

describe("keys", () => {
  test("the 22 lists, in Tyk Pump's order", () => {
    const lists = analyticsLists("analytics-");
    expect(lists.length).toBe(22);
    expect(lists.slice(0, 4)).toEqual([
      { name: "analytics-tyk-system-analytics", wire: "msgpack" },
      { name: "analytics-tyk-system-analytics_protobuf", wire: "protobuf" },
      { name: "analytics-tyk-system-analytics_0", wire: "msgpack" },
      { name: "analytics-tyk-system-analytics_0_protobuf", wire: "protobuf" },
    ]);
    expect(lists.at(-1)).toEqual({ name: "analytics-tyk-system-analytics_9_protobuf", wire: "protobuf" });
  });

  test("all keys of a list share its slot, with and without a tag of its own", () => {
    expect(keysOf("analytics-x").log).toBe("{analytics-x}:sluice:log");
    expect(keysOf("{env}analytics-x").block("i")).toBe("{env}analytics-x:sluice:c:i");
    // Redis takes neither for a tag.
    expect(keysOf("a{b").log).toBe("{a{b}:sluice:log");
    const two = analyticsLists("{env}").map(({ name }) => keysOf(name).log);
    expect(new Set(two).size).toBe(22);
  });

  test("ids of entries compare by number", () => {
    expect(compareIds("9-5", "10-0")).toBeLessThan(0);
    expect(compareIds("10-18446744073709551614", "10-18446744073709551615")).toBeLessThan(0);
    expect(compareIds("1-1", "1-1")).toBe(0);
    expect(nextId("12-9")).toBe("12-10");
  });
});
