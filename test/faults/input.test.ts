import { join } from "node:path";
import { encodeMsgpack, encodeProtobuf } from "@sluice/sdk/record";
import { expect, test } from "vitest";
import { readCsv } from "../support/csv.ts";
import { arrivals, LIST, numbersIn, push, recordOf } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import type { TestRedis } from "../support/redis.ts";
import { useFolder, useRedis, useSluice, useSluiceWith } from "../support/sluice.ts";

const PROTOBUF = `${LIST}_protobuf`;

/** Dead letters of a list, as Redis has them. */
async function letters(redis: TestRedis, list = LIST): Promise<{ sink: string; reason: string; raw: Buffer }[]> {
  const entries = await redis.client.xrangeBuffer(`{${list}}:sluice:dead`, "-", "+");
  return entries.map(([, fields]) => {
    const at = (name: string) => fields[fields.findIndex((field) => field.toString() === name) + 1]!;
    return { sink: at("sink").toString(), reason: at("reason").toString(), raw: at("raw") };
  });
}

const whole = Buffer.from(encodeMsgpack(recordOf(0)));
const key = (text: string) => Buffer.concat([Buffer.from([0xa0 | text.length]), Buffer.from(text)]);

/** What no gateway writes. */
const BAD_MSGPACK: { [what: string]: Buffer } = {
  "no byte": Buffer.alloc(0),
  "one byte": Buffer.from([0xc1]),
  text: Buffer.from("not a record at all"),
  "a record cut short": whole.subarray(0, whole.length >> 1),
  "a record without its last byte": whole.subarray(0, whole.length - 1),
  "a list in place of a map": Buffer.from([0x93, 1, 2, 3]),
  "a map that says it is far longer": Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
  "a text that says it is far longer": Buffer.concat([
    Buffer.from([0x81]),
    key("Path"),
    Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff]),
  ]),
  "a list where a text should be": Buffer.concat([Buffer.from([0x81]), key("Path"), Buffer.from([0x91, 0x01])]),
  "a text where a number should be": Buffer.concat([Buffer.from([0x81]), key("ResponseCode"), key("200")]),
  "a thousand maps in one another": Buffer.concat([Buffer.from([0x81]), key("Geo"), Buffer.alloc(1000, 0x81)]),
};

const wholeProtobuf = Buffer.from(encodeProtobuf(recordOf(0)));
const BAD_PROTOBUF: { [what: string]: Buffer } = {
  msgpack: whole,
  "bytes of no meaning": Buffer.alloc(200, 0xff),
  "a record cut short": wholeProtobuf.subarray(0, wholeProtobuf.length - 3),
  "a length past the end": Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07]),
};

test("records that cannot be read become dead letters with a reason, in both wires; their neighbours are delivered and no actor ends", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis, csv: { csv } });
  let n = 0;
  for (const [list, bad] of [
    [LIST, BAD_MSGPACK],
    [PROTOBUF, BAD_PROTOBUF],
  ] as const) {
    for (const bytes of Object.values(bad)) {
      await push(redis.client, n, ++n, list);
      await redis.client.rpush(list, bytes);
    }
    await push(redis.client, n, ++n, list);
  }
  await sluice.ready();
  await sluice.drained(redis, ["csv"], { lists: [LIST, PROTOBUF] });
  await sluice.terminate();
  expect(sluice.output).not.toMatch(/actor of sink \S+ ended/);
  for (const [list, bad] of [
    [LIST, BAD_MSGPACK],
    [PROTOBUF, BAD_PROTOBUF],
  ] as const) {
    const found = await letters(redis, list);
    expect(found.map(({ raw }) => raw.toString("hex"))).toEqual(Object.values(bad).map((raw) => raw.toString("hex")));
    for (const { sink, reason } of found) expect([sink, reason]).toEqual(["csv", expect.stringMatching(/\w+ \w+/)]);
  }
  expect(arrivals(numbersIn(csv), n)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});

test("a record of 50 MB is delivered, as are its neighbours", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  const sluice = await useSluice({ redis, csv: { csv } });
  await push(redis.client, 0, 10);
  const large = Buffer.from(encodeMsgpack({ ...recordOf(10), rawRequest: "x".repeat(50_000_000) }));
  await redis.client.rpush(LIST, large);
  await push(redis.client, 11, 20);
  await sluice.drained(redis, ["csv"]);
  await sluice.terminate();
  expect(await letters(redis)).toEqual([]);
  const { header, rows } = readCsv(csv);
  const requests = new Map(rows.map((row) => [row[header.indexOf("Path")], row[header.indexOf("RawRequest")]!]));
  expect(rows.length).toBe(20);
  expect([...requests.keys()].sort()).toEqual(Array.from({ length: 20 }, (_, n) => `/items/${n}`).sort());
  expect(requests.get("/items/10")!.length).toBe(50_000_000);
});

for (const [what, keyOf] of [
  ["the live list", LIST],
  ["the log", `{${LIST}}:sluice:log`],
] as const) {
  test(`a key of a wrong type in place of ${what}: /readyz names it, other lists go on, and it goes on once the key is gone`, async () => {
    const redis = await useRedis();
    const csv = join(useFolder(), "csv");
    await redis.client.set(keyOf, "a text");
    const sluice = await useSluice({ redis, csv: { csv } });
    if (keyOf !== LIST) await push(redis.client, 0, 500);
    await push(redis.client, 500, 1000, PROTOBUF);
    await sluice.drained(redis, ["csv"], { lists: [PROTOBUF] });
    await sluice.unready(new RegExp(`refused \\w+ on ${keyOf}.*rename or delete`));
    await redis.client.del(keyOf);
    if (keyOf === LIST) await push(redis.client, 0, 500);
    await sluice.drained(redis, ["csv"], { lists: [LIST, PROTOBUF] });
    await sluice.ready();
    await sluice.terminate();
    expect(arrivals(numbersIn(csv), 1000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  });
}

test("a key of a wrong type in place of a block of chunks: the log names it, other blocks and lists go on, and it goes on once the key is mended", async () => {
  const redis = await useRedis();
  const csv = join(useFolder(), "csv");
  // The chunks are made for a sink that never takes any.
  const claimer = await useSluiceWith(redis, { csv: { type: "never-opens", module: "misbehaving.ts" } });
  for (const from of [0, 500, 1000, 1500, 2000]) {
    await push(redis.client, from, from + 500);
    await until(async () => (await redis.client.llen(LIST)) === 0, "the claims");
  }
  await claimer.terminate();
  const entries = await redis.client.xrange(`{${LIST}}:sluice:log`, "-", "+");
  const fields = entries[entries.length >> 1]![1];
  const block = `{${LIST}}:sluice:c:${fields[fields.indexOf("c") + 1]}`;
  const records = await redis.client.llen(block);
  await redis.client.rename(block, "aside");
  await redis.client.set(block, "a text");
  await push(redis.client, 2500, 3000, PROTOBUF);
  const sluice = await useSluice({ redis, csv: { csv } });
  await sluice.drained(redis, ["csv"], { lists: [PROTOBUF] });
  await until(
    () => new Set(numbersIn(csv)).size === 3000 - records,
    () => `all but that block\n${sluice.tail()}`,
  );
  expect(records).toBeLessThan(2500);
  expect(sluice.output).toContain(block);
  await redis.client.rename("aside", block);
  await sluice.drained(redis, ["csv"], { lists: [LIST] });
  await sluice.terminate();
  expect(arrivals(numbersIn(csv), 3000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});
