/** Holds csv and stdout to recordings of Tyk Pump 1.16.0: byte by byte, but for the wall clock. Only where the recordings are. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { CouldNotRun } from "../support/could-not-run.ts";
import { csvDifference, lines, stdoutDifference, UNKNOWN_PLACE } from "./compare.ts";
import { type Job, output, prepareOf } from "./job.ts";

const ROOT = join(import.meta.dirname, "../../../shared/fixtures");
const read = (file: string) => gunzipSync(readFileSync(join(ROOT, file)));
const DECODE = { raw_request_decoded: true, raw_response_decoded: true };

interface Case {
  corpus: string;
  config?: Job["config"];
  options?: { [option: string]: unknown };
  zone?: string;
  /** The recording is only the first lines. */
  cut?: boolean;
}

const CSV: { [folder: string]: Case } = {
  "A/csv": { corpus: "A" },
  "A/pb/csv": { corpus: "Apb" },
  "A/csv-decoded": { corpus: "A", options: DECODE },
  "Anasty/csv": { corpus: "Anasty" },
  "Anasty/ok/csv": { corpus: "Anasty_ok" },
  "A/tz-kolkata-csv": { corpus: "A", zone: "Asia/Kolkata", cut: true },
};

const JSON_LINES: { [folder: string]: Case } = {
  "A/stdout-json": { corpus: "A" },
  "A/pb/stdout-json": { corpus: "Apb" },
  "A/stdout-json-decoded": { corpus: "A", options: DECODE },
  "A/pb/stdout-json-decoded": { corpus: "Apb", options: DECODE },
  "A/stdout-json-legacy-named": {
    corpus: "A",
    config: { use_legacy_payload_format: true, log_field_name: "analytics" },
    options: DECODE,
    cut: true,
  },
  "Anasty/stdout-json": { corpus: "Anasty" },
  "Anasty/stdout-json-decoded": { corpus: "Anasty", options: DECODE },
  "Anasty/ok/stdout-json": { corpus: "Anasty_ok" },
};

const TEXT_LINES: { [folder: string]: Case } = {
  "A/stdout-text": { corpus: "A" },
  "A/pb/stdout-text": { corpus: "Apb" },
  "Anasty/stdout-text": { corpus: "Anasty" },
  "Anasty/ok/stdout-text": { corpus: "Anasty_ok" },
};

function jobOf(plugin: Job["plugin"], { corpus, config = {}, options = {} }: Case): Job {
  return { plugin, config, prepare: prepareOf(options), wire: corpus === "Apb" ? "protobuf" : "msgpack" };
}

async function written(plugin: Job["plugin"], one: Case): Promise<string[]> {
  return lines(await output(jobOf(plugin, one), read(`corpora/${one.corpus}.resp.gz`), one.zone));
}

async function expectCsv(one: Case, recording: string): Promise<void> {
  expect(csvDifference(await written("csv", one), lines(read(recording)), one.cut)).toBe(null);
}

async function expectStdout(one: Case, recording: string): Promise<void> {
  expect(stdoutDifference(await written("stdout", one), lines(read(recording)), one.cut)).toBe(null);
}

function compareAll(): void {
  test.each(Object.entries(CSV))("%s", (folder, one) => expectCsv(one, `${folder}/out.csv.gz`));

  test.each(Object.entries(JSON_LINES))("%s", (folder, one) =>
    expectStdout({ ...one, config: { format: "json", ...one.config } }, `${folder}/stdout.jsonl.gz`),
  );

  test.each(Object.entries(TEXT_LINES))("%s", (folder, one) =>
    expectStdout({ ...one, config: { format: "text" } }, `${folder}/records.txt.gz`),
  );

  test("no record with unknown coordinates is left out", async () => {
    const actual = await written("stdout", { corpus: "Anasty", config: { format: "json" } });
    expect(actual).toHaveLength(300);
    expect(actual.filter((line) => UNKNOWN_PLACE.test(line))).toHaveLength(25);
  });

  test("A/tz-kolkata-stdout-json: the same instants with the zone's offset", async () => {
    const [utc, kolkata] = await Promise.all(
      ["UTC", "Asia/Kolkata"].map((zone) => written("stdout", { corpus: "A", config: { format: "json" }, zone })),
    );
    const times = (line: string) => [...line.matchAll(/"(?:timestamp|expireAt)":"([^"]*)"/g)].map(([, time]) => time!);
    for (const [i, line] of kolkata!.entries()) {
      const there = times(line);
      expect(there.every((time) => /\+05:30$/.test(time))).toBe(true);
      expect(there.map(Date.parse)).toEqual(times(utc![i]!).map(Date.parse));
    }
  });

  const cases = readdirSync(join(ROOT, "prep"));
  const optionsOf = (name: string) => JSON.parse(readFileSync(join(ROOT, "prep", name, "case.json"), "utf8")).options;
  test.each(cases)("prep/%s, csv", (name) =>
    expectCsv({ corpus: "A", options: optionsOf(name) }, `prep/${name}/csv.gz`),
  );
  test.each(cases)("prep/%s, stdout", (name) =>
    expectStdout(
      { corpus: "A", config: { format: "json", log_field_name: "record" }, options: optionsOf(name) },
      `prep/${name}/stdout.jsonl.gz`,
    ),
  );
}

if (existsSync(ROOT)) describe("recordings", compareAll);
else
  test("recordings", () => {
    throw new CouldNotRun("the whole recordings are not beside this checkout; extract.test.ts compares a part of them");
  });
