/** Some records of the recordings, and what Tyk Pump 1.16.0 made of them: these are always there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { csvDifference, lines, stdoutDifference, UNKNOWN_PLACE } from "./compare.ts";
import { type Job, output, prepareOf, recordsOf } from "./job.ts";

const read = (name: string) => gunzipSync(readFileSync(join(import.meta.dirname, "fixtures", `${name}.gz`)));
const DECODE = prepareOf({ raw_request_decoded: true, raw_response_decoded: true });
const CORPORA: { [name: string]: Job["wire"] } = { plain: "msgpack", hostile: "msgpack", protobuf: "protobuf" };

async function written(corpus: string, job: Pick<Job, "plugin"> & Partial<Job>): Promise<string[]> {
  const whole: Job = { config: {}, prepare: {}, wire: CORPORA[corpus]!, ...job };
  return lines(await output(whole, read(`${corpus}.resp`)));
}

const JSON_FORMAT = { format: "json" };

for (const name of Object.keys(CORPORA)) {
  test(`${name}: csv`, async () => {
    expect(csvDifference(await written(name, { plugin: "csv" }), lines(read(`${name}.csv`)))).toBe(null);
  });

  test(`${name}: stdout, JSON`, async () => {
    const actual = await written(name, { plugin: "stdout", config: JSON_FORMAT });
    expect(stdoutDifference(actual, lines(read(`${name}.json`)))).toBe(null);
    expect(actual).toHaveLength(recordsOf(read(`${name}.resp`)).length);
    expect(actual.some((line) => UNKNOWN_PLACE.test(line))).toBe(name === "hostile");
  });

  test(`${name}: stdout, text`, async () => {
    expect(stdoutDifference(await written(name, { plugin: "stdout" }), lines(read(`${name}.text`)))).toBe(null);
  });
}

test("decoded bodies: csv and stdout", async () => {
  const csv = await written("plain", { plugin: "csv", prepare: DECODE });
  expect(csvDifference(csv, lines(read("plain-decoded.csv")))).toBe(null);
  const stdout = await written("plain", { plugin: "stdout", config: JSON_FORMAT, prepare: DECODE });
  expect(stdoutDifference(stdout, lines(read("plain-decoded.json")))).toBe(null);
});
