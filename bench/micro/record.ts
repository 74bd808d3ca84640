/**
 * What scanning, reading and encoding a record costs, against msgpackr in the same run: the bars are ratios, since machines differ.
 * Usage: node bench/micro/record.ts [file.resp.gz]
 */
import { encode, F } from "@sluice/sdk";
import {
  type AnalyticsRecord,
  analyticsSchema,
  BatchScope,
  createScanner,
  encodeMsgpack,
  encodeProtobuf,
  inputOf,
  objectOf,
  pageOf,
  RecordBatch,
} from "@sluice/sdk/record";
import { Unpackr } from "msgpackr";
import { records } from "./records.ts";

const all = records(process.argv[2]);
const unpackr = new Unpackr({ useRecords: false });
const scanner = createScanner();
const pages = Array.from({ length: Math.ceil(all.length / 1000) }, (_, i) =>
  pageOf(all.slice(1000 * i, 1000 * (i + 1)), "msgpack"),
);
const rows = Uint32Array.from({ length: 1000 }, (_, i) => i);

function eachBatch(use: (batch: RecordBatch<AnalyticsRecord>) => void): void {
  for (const page of pages) {
    const { table } = scanner.scan(page);
    const scope = new BatchScope();
    const part = { chunk: "c", from: 0, to: table.count, redelivered: false };
    use(
      RecordBatch.of<AnalyticsRecord>(
        [{ table, rows: rows.subarray(0, table.count), start: 0, end: table.count, part, firstIndex: 0 }],
        scope,
      ),
    );
    scope.end();
    table.release();
  }
}

const csv = encode.csv(analyticsSchema.leaves.slice(0, 42));
const json = encode.json("record");
const few = encode.json({ api: F.apiId, org: F.orgId, at: F.timestamp, path: F.path, code: F.responseCode });
const inputs = all.slice(0, 2000).map((bytes) => {
  const { table } = scanner.scan(pageOf([bytes], "msgpack"));
  const input = inputOf(analyticsSchema, objectOf(table, 0));
  table.release();
  return input;
});
const everything = (encoder: typeof csv) => eachBatch((batch) => void [...encoder.pages(batch)]);

/** Each over `count` records; `bar`: at most so much of `of`. */
const variants: { name: string; run: () => void; count?: number; of?: string; bar?: number }[] = [
  { name: "msgpackr", run: () => all.forEach((bytes) => void unpackr.unpack(bytes)) },
  {
    name: "msgpackr + JSON",
    run: () => all.forEach((bytes) => void Buffer.from(JSON.stringify(unpackr.unpack(bytes)))),
  },
  { name: "scan", run: () => eachBatch(() => {}), of: "msgpackr", bar: 0.1 },
  { name: "scan + CSV, 42 columns", run: () => everything(csv), of: "msgpackr", bar: 0.33 },
  { name: "scan + JSON", run: () => everything(json), of: "msgpackr + JSON", bar: 0.6 },
  { name: "scan + JSON, 5 fields", run: () => everything(few), of: "msgpackr + JSON" },
  {
    name: "scan + 10 properties",
    run: () =>
      eachBatch((batch) => {
        let sum = 0;
        for (const r of batch) {
          sum += r.method.length + r.path.length + r.apiId.length + r.orgId.length + r.apiKey.length;
          sum += r.responseCode + r.requestTime + r.latencyTotal + r.timestamp.seconds + r.oauthId.length;
        }
        return sum;
      }),
    of: "msgpackr",
  },
  {
    name: "scan + toObject",
    run: () =>
      eachBatch((batch) => {
        for (const record of batch) record.toObject();
      }),
    of: "msgpackr",
  },
  { name: "encode msgpack", run: () => inputs.forEach((input) => void encodeMsgpack(input)), count: inputs.length },
  { name: "encode protobuf", run: () => inputs.forEach((input) => void encodeProtobuf(input)), count: inputs.length },
];

const ROUNDS = 11;
const times = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
for (let round = -3; round < ROUNDS; round++) {
  for (const { name, run, count = all.length } of variants) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) times.get(name)!.push(((user + system) * 1000) / count);
  }
}
const median = (name: string) => times.get(name)!.sort((a, b) => a - b)[ROUNDS >> 1]!;
for (const { name, of, bar } of variants) {
  const ratio = of ? median(name) / median(of) : null;
  const verdict = ratio !== null && bar ? (ratio <= bar ? `ok, bar ${bar}` : `OVER the bar of ${bar}`) : "";
  const share = ratio === null ? "" : `${ratio.toFixed(3)} of ${of}`;
  console.log(`${name.padEnd(24)} ${median(name).toFixed(0).padStart(6)} ns  ${share.padEnd(26)} ${verdict}`);
}
