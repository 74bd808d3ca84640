import type { RecordInput } from "@sluice/sdk/record";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BatchRequest, hourBatches } from "./batch.ts";
import { days, type GridOptions } from "./grid.ts";
import { createRandom } from "./random.ts";
import { apiKeys, demoRecord } from "./record.ts";
import { APIS, COUNTRIES, METHODS, USER_AGENTS, WORDS } from "./words.ts";

const HOUR = 3_600_000;

describe("random", () => {
  test("the same seed draws the same, another one does not", () => {
    const draw = (seed: number) => {
      const random = createRandom(seed);
      return Array.from({ length: 20 }, () => random.below(1_000_000));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  test("is uniform", () => {
    const random = createRandom(7);
    const counts = new Array(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[random.below(10)]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });

  test("makes version 4 UUIDs without dashes", () => {
    const random = createRandom(3);
    for (let i = 0; i < 100; i++) expect(random.uuid()).toMatch(/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  });
});

describe("the demonstration's traffic", () => {
  const options = { org: "o", api: "", apiVersion: "", trackPath: false, keys: ["k"], lively: true };
  const random = createRandom(11);
  const records = Array.from({ length: 20_000 }, () => demoRecord(options, 0, 1, random));
  const of = (api: (typeof APIS)[number]) => records.filter(({ apiId }) => apiId === api.id);

  test("one API is the busiest, another one fails most", () => {
    const shares = APIS.map((api) => of(api).length / records.length);
    expect(shares.map((share) => Math.round(share * 10))).toEqual([6, 3, 1]);
    const rates = APIS.map((api) => of(api).filter(({ responseCode }) => responseCode >= 400).length / of(api).length);
    expect(rates[0]).toBeLessThan(rates[1]!);
    expect(rates[1]).toBeLessThan(0.05);
    expect(rates[2]).toBeGreaterThan(0.1);
  });

  test("times add up", () => {
    for (const { requestTime, latencyTotal, latencyUpstream, latencyGateway } of records as RecordInput[]) {
      expect(latencyTotal).toBe(requestTime);
      expect(Number(latencyUpstream) + Number(latencyGateway)).toBe(latencyTotal);
      expect(latencyGateway).toBeGreaterThan(0);
    }
  });
});

describe("the grid of days and hours", () => {
  const now = new Date(2026, 10, 21, 15, 30).getTime();
  const today = Date.UTC(2026, 10, 21);
  const grid = (more: Partial<GridOptions>) => [
    ...days({ days: 2, recordsPerHour: 10, future: false, now, ...more }, createRandom(1)),
  ];

  test("the past ends with yesterday", () => {
    const all = grid({});
    expect(all).toHaveLength(2);
    expect(all[0]![0]!.start).toBe(today - 48 * HOUR);
    expect(all[1]![23]!.start).toBe(today - HOUR);
  });

  test("the future begins today", () => {
    const all = grid({ future: true });
    expect(all[0]![0]!.start).toBe(today);
    expect(all[1]![23]!.start).toBe(today + 47 * HOUR);
  });

  test("no days, no records", () => {
    expect(grid({ days: 0 })).toEqual([]);
    expect(grid({ days: -1 })).toEqual([]);
  });

  test("a random 300 to 499 records where none are asked for", () => {
    const counts = grid({ days: 30, recordsPerHour: 0 }).flatMap((day) => day.map(({ records }) => records));
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...counts)).toBeLessThanOrEqual(499);
    expect(new Set(counts).size).toBeGreaterThan(50);
  });

  test("whole seconds apart, and the last record stays within the hour", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), (recordsPerHour) => {
        const { records, spacing } = grid({ days: 1, recordsPerHour })[0]![5]!;
        expect(records).toBe(recordsPerHour);
        expect(spacing % 1000).toBe(0);
        expect((records - 1) * spacing).toBeLessThan(HOUR);
        if (recordsPerHour > 3600) expect(spacing).toBe(0);
      }),
    );
  });

  test("an hour is cut into batches without a gap", () => {
    const hour = { start: today, records: 2500, spacing: 1000 };
    const run = { seed: 1, expireAt: 0, record: { org: "o", api: "", apiVersion: "", trackPath: false, keys: ["k"] } };
    const batches: BatchRequest[] = [...hourBatches(hour, run)];
    expect(batches.map(({ count, start }) => [count, start - today])).toEqual([
      [1000, 0],
      [1000, 1_000_000],
      [500, 2_000_000],
    ]);
    expect(new Set(batches.map(({ seed }) => seed)).size).toBe(3);
  });
});

describe("a record", () => {
  const random = createRandom(5);
  const keys = apiKeys("org1", random);
  const options = { org: "org1", api: "", apiVersion: "", trackPath: false, keys };
  const time = Date.UTC(2026, 1, 3, 4, 5, 6);
  const records = Array.from({ length: 2000 }, () => demoRecord(options, time, time + 1, random));
  const all = <T>(of: (record: (typeof records)[number]) => T) => new Set(records.map(of));

  test("draws every value of every list, and no other", () => {
    expect(all((r) => r.method)).toEqual(new Set(METHODS));
    expect(all((r) => r.userAgent)).toEqual(new Set(USER_AGENTS));
    expect(all((r) => r.apiName)).toEqual(new Set(APIS.map(({ name }) => name)));
    expect(all((r) => r.geoCountryIsoCode)).toEqual(new Set(COUNTRIES));
    expect(all((r) => r.apiKey)).toEqual(new Set(keys));
    expect(all((r) => r.requestTime)).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    expect(all((r) => r.responseCode)).toEqual(new Set([200, 403, 500]));
    expect(new Set(records.flatMap((r) => r.path.split("/").slice(2)))).toEqual(new Set(WORDS));
  });

  test("one in ten is refused, one in ten fails", () => {
    for (const code of [403, 500]) {
      const count = records.filter((record) => record.responseCode === code).length;
      expect(count).toBeGreaterThan(140);
      expect(count).toBeLessThan(260);
    }
  });

  test("has the fields of the reference", () => {
    for (const record of records) {
      expect(record.path).toMatch(/^\/(widget|foo|beep|boop)(\/[a-z]+){1,2}$/);
      expect(record.rawPath).toBe(record.path);
      expect(record.contentLength).toBeGreaterThanOrEqual(0);
      expect(record.contentLength).toBeLessThanOrEqual(998);
      expect(record.tags).toEqual(["orgid-org1", `apiid-${record.apiId}`]);
    }
    expect(records[0]).toMatchObject({
      day: 3,
      month: 2,
      year: 2026,
      hour: 4,
      orgId: "org1",
      apiVersion: "Default",
      rawRequest: btoa("BODY DATA"),
      rawResponse: btoa("RESPONSE DATA"),
      ipAddress: "118.93.55.103",
      trackPath: false,
    });
    expect(keys).toHaveLength(50);
    expect(keys[0]).toMatch(/^org1[0-9a-f]{32}$/);
  });

  test("takes API, version and track_path from the flags", () => {
    const record = demoRecord({ ...options, api: "api1", apiVersion: "v9", trackPath: true }, time, time, random);
    expect(record).toMatchObject({
      apiId: "api1",
      apiName: "Foo Bar",
      apiVersion: "v9",
      trackPath: true,
      tags: ["orgid-org1", "apiid-api1"],
    });
  });
});
