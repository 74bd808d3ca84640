/** Holds the prometheus sink to what Tyk Pump 1.16.0 exposed for the same records. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { open } from "@sluice/sdk/testing";
import { describe, expect, test } from "vitest";
import prometheus from "../../plugins/prometheus/index.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { freePort } from "../support/redis.ts";
import { type Job, recordsOf } from "./job.ts";
import { commentsOf, metricsDifference, samplesOf } from "./metrics.ts";

const FIXTURES = join(import.meta.dirname, "fixtures");
const OWN = /^# \w+ (process|sluice)_|^(process|sluice)_/;

/** What the sink exposes once it has had these records, in one chunk. */
async function exposed(config: object, records: Buffer[], wire: Job["wire"]): Promise<string> {
  const address = `127.0.0.1:${await freePort()}`;
  const sink = await open(prometheus, { ...config, listen_address: address });
  sink.deliver(records, { wire });
  await sink.settled();
  const text = await (await fetch(`http://${address}/metrics`)).text();
  await sink.close();
  return text
    .split("\n")
    .filter((line) => !OWN.test(line))
    .join("\n");
}

interface Meta {
  custom_metrics?: { buckets?: number[] }[];
}

/** Tyk Pump ignores the buckets of custom metrics. */
function withoutBuckets(meta: Meta): object {
  return { ...meta, custom_metrics: meta.custom_metrics?.map(({ buckets: _, ...metric }) => metric) ?? [] };
}

describe("a part of the recordings, one API's records and samples", () => {
  const read = (name: string) => gunzipSync(readFileSync(join(FIXTURES, `${name}.gz`)));
  const custom: Meta = JSON.parse(readFileSync(join(FIXTURES, "metrics.json"), "utf8"));
  const parts = { hostile: "msgpack", protobuf: "protobuf" } as const;

  test.each(Object.entries(parts))("%s", async (name, wire) => {
    const text = await exposed(withoutBuckets(custom), recordsOf(read(`metrics-${name}.resp`)), wire);
    const recorded = read(`metrics-${name}.txt`).toString();
    const kept = [...samplesOf(text)].filter(([key]) => /[{,]api(_name)?="/.test(key));
    expect(metricsDifference(new Map(kept), samplesOf(recorded))).toEqual([]);
    expect(kept.length).toBeGreaterThan(100);
  });
});

/** Tyk Pump's sums of a batch wrap round at 64 bits, and those below zero are huge: takes out the histograms that such a sum is in. */
function withoutWrapped(actual: Map<string, number>, expected: Map<string, number>): void {
  const histogram = (key: string) => key.replace(/_(bucket|sum|count)\{/, "{").replace(/le="[^"]*",/, "");
  const wrapped = new Set<string>();
  for (const [key, value] of actual)
    if (/_sum\{/.test(key) && !(value >= 0 && value < 1e18)) wrapped.add(histogram(key));
  for (const samples of [actual, expected])
    for (const key of samples.keys()) if (wrapped.has(histogram(key))) samples.delete(key);
}

const ROOT = join(import.meta.dirname, "../../../shared/fixtures");
const CORPORA: { [folder: string]: { corpus: string; wire: Job["wire"] } } = {
  A: { corpus: "A", wire: "msgpack" },
  "A/pb": { corpus: "Apb", wire: "protobuf" },
  "Anasty/ok": { corpus: "Anasty_ok", wire: "msgpack" },
};

function compareAll(): void {
  const cases = Object.keys(CORPORA).flatMap((folder) =>
    ["prom-default", "prom-trackall", "prom-disabled", "prom-custom", "prom-custom-aggobs"].map(
      (name) => [folder, name] as const,
    ),
  );

  test.each([...cases, ["Anasty", "prom-disabled"] as const])("%s/%s", async (folder, name) => {
    const { corpus, wire } = CORPORA[folder] ?? { corpus: "Anasty", wire: "msgpack" };
    const place = join(ROOT, folder, name);
    const { meta } = JSON.parse(readFileSync(join(place, "conf.json"), "utf8")).pumps.prom;
    const zipped = existsSync(join(place, "metrics.txt.gz"));
    const file = readFileSync(join(place, zipped ? "metrics.txt.gz" : "metrics.txt"));
    const recorded = (zipped ? gunzipSync(file) : file).toString();
    const records = recordsOf(gunzipSync(readFileSync(join(ROOT, "corpora", `${corpus}.resp.gz`))));
    const text = await exposed(withoutBuckets(meta), records, wire);
    const [actual, expected] = [samplesOf(text), samplesOf(recorded)];
    if (meta.aggregate_observations) withoutWrapped(actual, expected);
    expect(metricsDifference(actual, expected)).toEqual([]);
    expect(actual.size).toBeGreaterThan(1000);
    expect(commentsOf(text)).toEqual(commentsOf(recorded));
  });
}

if (existsSync(ROOT)) describe("recordings", compareAll);
else
  test("recordings", () => {
    throw new CouldNotRun("the whole recordings are not beside this checkout; a part of them is compared anyway");
  });
