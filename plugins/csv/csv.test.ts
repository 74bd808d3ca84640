import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { batch, type OpenSink, open, type SinkFailed, start } from "@sluice/sdk/testing";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { HEADER } from "./columns.ts";
import { fileName } from "./file-name.ts";
import csv from "./index.ts";
import { parseRows } from "./testing/parse-rows.ts";

const NOON = new Date(2024, 4, 1, 9, 30);
const PLACE = "2024-May-1-9.csv";

let folder: string;
let sinks: OpenSink[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-csv-"));
  vi.useFakeTimers({ toFake: ["Date"], now: NOON });
});

afterEach(async () => {
  vi.useRealTimers();
  for (const sink of sinks) await sink.close();
  sinks = [];
  rmSync(folder, { recursive: true, force: true });
});

async function openCsv(config: object = { csv_dir: folder }): Promise<OpenSink> {
  const sink = await open(csv, config);
  sinks.push(sink);
  return sink;
}

const path = (name = PLACE) => join(folder, name);
const file = (name = PLACE) => readFileSync(path(name), "utf8");
const rows = (name = PLACE) => [...parseRows(file(name))];
/** Paths of the records in the file. */
const paths = (name = PLACE) =>
  rows(name)
    .slice(1)
    .map((row) => row[2]);

async function write(sink: OpenSink, ...recordPaths: string[]): Promise<void> {
  sink.deliver(recordPaths.map((recordPath) => ({ path: recordPath })));
  await sink.settled();
}

const ZERO_ROW =
  ",,,,0,,0,%!Month(0),0,0,0,,0001-01-01 00:00:00 +0000 UTC,,,,,,0,,,,,0,,0,0,,0,0,0,0,0,0,0,,,false,0001-01-01 00:00:00 +0000 UTC,,,\n";

describe("files", () => {
  test("are named by the hour of the wall clock, without zeros", () => {
    expect(fileName(new Date(2024, 4, 1, 9))).toBe("2024-May-1-9.csv");
    expect(fileName(new Date(2026, 10, 21, 23, 59))).toBe("2026-November-21-23.csv");
    expect(fileName(new Date(2026, 11, 31, 0))).toBe("2026-December-31-0.csv");
  });

  test("begin with one header", async () => {
    const sink = await openCsv();
    sink.deliver([{}]);
    await sink.settled();
    expect(file()).toBe(HEADER + ZERO_ROW);
    await write(sink, "/a");
    await write(await openCsv(), "/b");
    expect(paths()).toEqual(["", "/a", "/b"]);
  });

  test("that are there but empty get a header too", async () => {
    writeFileSync(path(), "");
    await write(await openCsv(), "/a");
    expect(file().startsWith(HEADER.toString())).toBe(true);
  });

  test("change with the hour", async () => {
    const sink = await openCsv();
    await write(sink, "/a");
    vi.setSystemTime(new Date(2024, 4, 1, 10, 0));
    await write(sink, "/b");
    expect([paths(), paths("2024-May-1-10.csv")]).toEqual([["/a"], ["/b"]]);
  });

  test("have signed numbers where they are asked for", async () => {
    const sink = await openCsv({ csv_dir: folder, plain_numbers: true });
    sink.deliver([{ contentLength: -1, month: 3, geoLocationLatitude: -0.25 }]);
    await sink.settled();
    const [, row] = rows();
    expect([row![4], row![7], row![25]]).toEqual(["-1", "3", "-0.25"]);
  });
});

describe("the folder", () => {
  test("is made", async () => {
    await write(await openCsv({ csv_dir: path("a/b") }), "/a");
    expect(readdirSync(path("a/b"))).toContain(PLACE);
  });

  test("is made again when somebody removes it", async () => {
    const sink = await openCsv({ csv_dir: path("a") });
    await write(sink, "/a");
    rmSync(path("a"), { recursive: true });
    await write(sink, "/b");
    expect(paths(`a/${PLACE}`)).toEqual(["/b"]);
  });

  test("that is a file is named in a fatal error", async () => {
    writeFileSync(path("file"), "");
    for (const wrong of ["file", "file/below"]) {
      const failed = (await open(csv, { csv_dir: path(wrong) }).catch((error) => error)) as SinkFailed;
      expect(failed.error?.code).toBe("SLUICE_SINK_FATAL");
      expect(failed.message).toContain(path(wrong));
      expect(failed.message).toContain("set csv_dir to a folder");
    }
  });

  test("with a folder where the file should be: nothing is lost, and delivery goes on once it is gone", async () => {
    const sink = await openCsv();
    mkdirSync(path());
    sink.deliver([{ path: "/a" }]);
    await expect(sink.settled()).rejects.toThrow(folder);
    rmSync(path(), { recursive: true });
    await sink.kill();
    await sink.settled();
    expect(paths()).toEqual(["/a"]);
  });

  test("may have other writers: each row is whole, none is missing", async () => {
    const both = [await openCsv(), await openCsv()];
    const body = Buffer.from('{"a": "x,\n"}\n'.repeat(200));
    for (let i = 0; i < 20; i++) {
      for (const [actor, sink] of both.entries()) {
        sink.deliver(Array.from({ length: 50 }, (_, n) => ({ path: `/${actor}/${50 * i + n}`, rawRequest: body })));
      }
    }
    await Promise.all(both.map((sink) => sink.settled()));
    const wanted = both.flatMap((_, actor) => Array.from({ length: 1000 }, (_, n) => `/${actor}/${n}`));
    expect(paths().sort()).toEqual(wanted.sort());
  });
});

describe("a row that its writer did not end", () => {
  const torn = '"/half, with ""quotes"" and\nlines';

  test("is cut off, whatever it looks like", async () => {
    await write(await openCsv(), "/a", "/b");
    const whole = file();
    const before = rows().length;
    for (const tail of [torn, "GET,host", ",".repeat(41), '"', "\0\0\0", ZERO_ROW.slice(0, -1)]) {
      writeFileSync(path(), whole + tail);
      const sink = await openCsv();
      await write(sink, "/c");
      expect(paths()).toEqual(["/a", "/b", "/c"]);
      expect(rows()).toHaveLength(before + 1);
      await sink.close();
      sinks = sinks.filter((open) => open !== sink);
      expect(sink.lines.map(({ message }) => message).join()).toContain(`${tail.length} bytes of a row`);
    }
  });

  test("may be the header", async () => {
    writeFileSync(path(), HEADER.subarray(0, 100));
    await write(await openCsv(), "/a");
    expect(file().startsWith(HEADER.toString())).toBe(true);
    expect(paths()).toEqual(["/a"]);
  });

  test("may be another writer's, of this very hour", async () => {
    const sink = await openCsv();
    await write(sink, "/a");
    writeFileSync(path(), file() + ZERO_ROW + torn);
    await write(sink, "/b");
    expect(paths()).toEqual(["/a", "", "/b"]);
  });
});

test("lines of something else are left alone, and rows begin on a line of their own", async () => {
  writeFileSync(path(), "my,notes\r\nnot rows");
  await write(await openCsv(), "/a");
  expect(file().startsWith("my,notes\r\nnot rows\n,,/a,")).toBe(true);
});

test("what the disk does not take is tried again, and says why", async () => {
  const sink = start(csv, { csv_dir: "/proc/sluice" });
  await sink.retrying();
  expect(sink.waiting?.error?.message).toContain("/proc/sluice");
  expect(sink.waiting?.error?.code).toBe("SLUICE_SINK_RETRYABLE");
  await sink.close();
});

test("a preview is the row that would be written, and makes nothing", () => {
  const preview = csv.preview!({ config: { csv_dir: join(folder, "a"), plain_numbers: true } } as never);
  const row = preview(batch([{ apiId: "api1", path: 'a,"b"', responseCode: 503 }]))!;
  const [columns] = [...parseRows(row)];
  expect(columns).toHaveLength(String(HEADER).split(",").length);
  expect(columns).toEqual(expect.arrayContaining(["api1", 'a,"b"', "503"]));
  expect(readdirSync(folder)).toEqual([]);
});

describe("a dry run", () => {
  const check = (csv_dir: string) => csv.check!({ config: { csv_dir, plain_numbers: false } } as never);

  test("says whether the folder is there or will be made, and makes nothing", async () => {
    expect(await check(folder)).toBe(`${folder} can be written`);
    expect(await check(join(folder, "a/b"))).toBe(`${join(folder, "a/b")} will be made`);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("fails where a file stands in the way", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(check(join(folder, "file"))).rejects.toMatchObject({ code: "SLUICE_SINK_FATAL" });
    await expect(check(join(folder, "file/below"))).rejects.toMatchObject({ code: "SLUICE_SINK_FATAL" });
  });
});
