import { afterEach, expect, test } from "vitest";
import { encodeProtobuf } from "./encode-protobuf.ts";
import { batchOf } from "./fixtures/index.ts";
import { createScanner } from "./scanner.ts";
import { GoTime, zeroTime } from "./time.ts";
import { localZone, UTC, zoneNamed } from "./zone.ts";

afterEach(() => {
  process.env.TZ = "UTC";
});

function at(iso: string, zone = "UTC", nanos = 0) {
  return new GoTime(Date.parse(iso) / 1000, nanos, zoneNamed(zone)!);
}

test("prints what Go prints", () => {
  const time = at("2024-03-05T12:04:05Z", "Europe/Paris", 120_000_000);
  expect(time.text("go")).toBe("2024-03-05 13:04:05.12 +0100 CET");
  expect(time.text("rfc3339")).toBe("2024-03-05T13:04:05.12+01:00");
  expect(time.text("YYYYMMDD")).toBe("20240305");
  expect(time.text("YYYY.MM.DD")).toBe("2024.03.05");
  expect(zeroTime().text("go")).toBe("0001-01-01 00:00:00 +0000 UTC");
  expect(at("2024-07-01T00:00:00Z", "Asia/Kolkata").text("go")).toBe("2024-07-01 05:30:00 +0530 IST");
  expect(at("2024-07-01T00:00:00Z", "America/New_York").text("go")).toBe("2024-06-30 20:00:00 -0400 EDT");
  expect(at("2024-07-01T00:00:00Z", "America/Sao_Paulo").text("go")).toBe("2024-06-30 21:00:00 -0300 -03");
  expect(at("2024-07-01T00:00:00Z", "Asia/Kathmandu").text("go")).toBe("2024-07-01 05:45:00 +0545 +0545");
});

test("abbreviations are those of the tz database, whatever Intl calls them, at any time", () => {
  const texts = [
    at("2026-07-01T00:00:00Z", "Asia/Dubai"),
    at("2026-07-01T00:00:00Z", "Europe/Dublin"),
    at("2026-01-01T00:00:00Z", "Australia/Lord_Howe"),
    at("2026-01-01T00:00:00Z", "America/St_Johns"),
    at("2026-01-01T00:00:00Z", "GMT"),
    at("1969-12-31T23:59:59Z", "Asia/Kolkata"),
    at("1969-12-31T23:59:59Z", "America/New_York"),
    at("1970-01-01T00:00:00Z", "Europe/London"),
    at("2126-07-01T00:00:00Z", "America/New_York"),
    at("0001-01-01T00:00:00Z", "Europe/Warsaw"),
    at("0001-01-01T00:00:00Z", "Etc/GMT-3"),
  ].map((time) => time.text("go"));
  // As Go 1.26 prints them.
  expect(texts).toEqual([
    "2026-07-01 04:00:00 +0400 +04",
    "2026-07-01 01:00:00 +0100 IST",
    "2026-01-01 11:00:00 +1100 +11",
    "2025-12-31 20:30:00 -0330 NST",
    "2026-01-01 00:00:00 +0000 GMT",
    "1970-01-01 05:29:59 +0530 IST",
    "1969-12-31 18:59:59 -0500 EST",
    "1970-01-01 01:00:00 +0100 BST",
    "2126-06-30 20:00:00 -0400 EDT",
    "0001-01-01 01:24:00 +0124 LMT",
    "0001-01-01 03:00:00 +0300 +03",
  ]);
});

test("goes back before 1970, to local mean time, and beyond year 9999", () => {
  expect(at("1969-12-31T23:59:59Z", "UTC", 999_999_999).text("rfc3339")).toBe("1969-12-31T23:59:59.999999999Z");
  expect(at("0001-01-01T00:00:00Z", "Asia/Kolkata").text("go")).toBe("0001-01-01 05:53:28 +0553 LMT");
  expect(at("0001-01-01T00:00:00Z", "America/New_York").text("go")).toBe("0000-12-31 19:03:58 -0456 LMT");
  expect(new GoTime(253402300800, 0, UTC).text("rfc3339")).toBe("10000-01-01T00:00:00Z");
  expect(new GoTime(-62167219201, 0, UTC).text("rfc3339")).toBe("-0001-12-31T23:59:59Z");
  expect(new GoTime(-62135596800 - 86400 * 366, 0, UTC).text("YYYYMMDD")).toBe("00000101");
});

test("agrees with Date on any day", () => {
  for (let day = -800_000; day < 3_000_000; day += 4321) {
    const time = new GoTime(day * 86400 + 3661, 5e6, UTC);
    const wanted = time.date().toISOString();
    // Beyond these years Date writes six digits and a sign.
    if (/^\d/.test(wanted)) expect(time.text("rfc3339")).toBe(wanted);
  }
});

test("carries nanoseconds that are not within a second", () => {
  const time = new GoTime(10, -1, UTC);
  expect([time.seconds, time.nanos, time.ms]).toEqual([9, 999_999_999, 9999]);
  expect(new GoTime(10, 2_500_000_000, UTC).ms).toBe(12_500);
});

test("knows zones by their names only", () => {
  expect(zoneNamed("")).toBe(UTC);
  expect(zoneNamed("Nowhere/Else")).toBeNull();
  expect(zoneNamed("+01:00")).toBeNull();
  expect(zoneNamed("utc")).toBeNull();
  process.env.TZ = "Asia/Kolkata";
  expect(zoneNamed("Local")).toBe(localZone());
  expect(localZone().at(0).offset).toBe(19_800);
});

test("a protobuf record names the zone of its times; one that nobody knows leaves them zero", () => {
  process.env.TZ = "Asia/Kolkata";
  const timestamp = new Date("2024-03-05T12:00:00Z");
  const records = ["", "UTC", "Local", "Europe/Paris", "Not/There"].map((zone) => encodeProtobuf({ timestamp, zone }));
  const batch = batchOf(createScanner(), { records, wire: "protobuf" });
  expect([...batch].map((record) => record.timestamp.text("rfc3339"))).toEqual([
    "2024-03-05T12:00:00Z",
    "2024-03-05T12:00:00Z",
    "2024-03-05T17:30:00+05:30",
    "2024-03-05T13:00:00+01:00",
    "0001-01-01T00:00:00Z",
  ]);
  expect(batch.at(3).timestamp.zone).toBe("Europe/Paris");
});
