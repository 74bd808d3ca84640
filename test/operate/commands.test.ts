import { join } from "node:path";
import { encodeMsgpack } from "@sluice/sdk/record";
import { expect, test, vi } from "vitest";
import { errorLine } from "../../core/cli/errors.ts";
import { runCommandLine } from "../../core/cli/program.ts";
import { LIST, recordOf } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import type { TestRedis } from "../support/redis.ts";
import { type SluiceProcess, useFolder, useRedis, useSluice } from "../support/sluice.ts";

interface Told {
  code: number;
  out: string;
  err: string;
}

/** A command of an operator beside a pump, in this process: starting one for each takes longer than what is tried. */
async function command({ folder }: SluiceProcess, ...args: string[]): Promise<Told> {
  vi.stubEnv("SLUICE_RUN_DIR", join(folder, "run"));
  let out = "";
  const written = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += text;
    return true;
  });
  try {
    return { code: await runCommandLine([...args, "-c", join(folder, "pump.conf")]), out, err: "" };
  } catch (error) {
    return { code: 1, out, err: errorLine(error, false) };
  } finally {
    written.mockRestore();
    vi.unstubAllEnvs();
  }
}

async function scene(): Promise<{
  redis: TestRedis;
  pump: SluiceProcess;
  push(...raw: (Uint8Array | string)[]): Promise<void>;
}> {
  const redis = await useRedis();
  const csv = { one: join(useFolder(), "one"), two: join(useFolder(), "two") };
  const pump = await useSluice({ redis, csv });
  await pump.ready();
  const push = async (...raw: (Uint8Array | string)[]) => {
    await redis.client.rpush(LIST, ...raw.map((record) => Buffer.from(record as string)));
  };
  return { redis, pump, push };
}

const record = (n: number) => encodeMsgpack(recordOf(n));

test("suspend and resume: nothing goes to that sink in between, /readyz and metrics say so", async () => {
  const { redis, pump, push } = await scene();
  const told = await command(pump, "suspend", "one");
  expect(told).toMatchObject({ code: 0, out: expect.stringContaining("one is suspended"), err: "" });
  await pump.says((readiness) => readiness?.status === 503, "that it is not ready");
  expect((await pump.readiness())!.sinks.one).toMatchObject({ state: "suspended", reason: "suspended by hand" });
  expect(await pump.metrics()).toContain('sluice_sink_state{sink="one",state="suspended"} 1');
  await push(record(1), record(2));
  await pump.drained(redis, ["two"]);
  expect(await command(pump, "suspend", "on")).toMatchObject({
    ...{ code: 1, out: "", err: expect.stringContaining("has no sink on. There are: one, two.") },
  });
  expect(JSON.parse((await command(pump, "resume", "one", "--json")).out)).toEqual({ resumed: "one" });
  await pump.drained(redis, ["one", "two"]);
  await pump.ready();
  await pump.terminate();
  expect(await command(pump, "resume", "one")).toMatchObject({
    ...{ code: 1, err: expect.stringMatching(/No pump runs on pump\.conf .*: start it/) },
  });
});

test("dead letters: listed by sink and reason, shown decoded or without what is personal, dropped", async () => {
  const { redis, pump, push } = await scene();
  await push(record(1), "this is no record", record(2), "nor is this");
  await pump.drained(redis, ["one", "two"]);
  const listed = JSON.parse((await command(pump, "dlq", "list", "--json")).out);
  expect(listed).toMatchObject({ records: 4, more: null });
  const { letters } = listed;
  expect(new Set(letters.map(({ sink }: { sink: string }) => sink))).toEqual(new Set(["one", "two"]));
  const { id } = letters[0];
  const part = letters[0].reason.slice(1, 9).toUpperCase();
  const filters = ["--sink", "two", "--since", "1h", "--reason", part];
  expect(JSON.parse((await command(pump, "dlq", "list", ...filters, "--json")).out).records).toBe(2);
  expect(JSON.parse((await command(pump, "dlq", "list", "--until", "1h", "--json")).out).records).toBe(0);
  const page = JSON.parse((await command(pump, "dlq", "list", "--limit", "3", "--json")).out);
  expect([page.letters.length, page.more]).toEqual([3, page.letters[2].id]);
  const rest = JSON.parse((await command(pump, "dlq", "list", "--limit", "3", "--after", page.more, "--json")).out);
  expect([rest.letters.length, rest.more, rest.records]).toEqual([1, null, 4]);

  const people = await command(pump, "dlq", "list");
  expect(people.out).toMatch(/^letter +sink +at +bytes +reason\n/);
  expect(people.out).toContain("4 letters with");
  expect((await command(pump, "dlq", "show", id)).out).toContain("The record cannot be decoded.");
  expect(await command(pump, "dlq", "show", "nonsense")).toMatchObject({
    code: 1,
    err: expect.stringContaining("dlq list"),
  });

  expect(await command(pump, "dlq", "drop")).toMatchObject({ code: 1, err: expect.stringContaining("--all") });
  expect(await command(pump, "dlq", "drop", id)).toMatchObject({ code: 1, err: expect.stringContaining("--yes") });
  expect((await command(pump, "dlq", "drop", id, "--yes")).out).toBe("1 letter deleted.\n");
  const none = await command(pump, "dlq", "replay", "--reason", "none is like this");
  expect(none).toMatchObject({ code: 0, out: "There are no such dead letters.\n" });
  await pump.terminate();
  // Without a pump, from the log itself.
  expect(JSON.parse((await command(pump, "dlq", "list", "--json")).out).records).toBe(3);
  expect(await command(pump, "dlq", "replay", "--all")).toMatchObject({
    code: 1,
    err: expect.stringContaining("start it"),
  });
  expect(JSON.parse((await command(pump, "dlq", "drop", "--all", "--yes", "--json")).out)).toEqual({ records: 3 });
  expect((await command(pump, "dlq", "list")).out).toBe("There are no such dead letters.\n");
});

test("tap shows what a sink would be given, and takes nothing", async () => {
  const redis = await useRedis();
  const [one, two] = [join(useFolder(), "one"), join(useFolder(), "two")];
  const meta = { csv_dir: one };
  const filtered = {
    type: "csv",
    meta,
    filters: { skip_api_ids: ["api3"] },
    ignore_fields: ["host"],
    omit_detailed_recording: true,
  };
  const pump = await useSluice({ redis, csv: { two }, pumps: { one: filtered } });
  await pump.ready();
  await command(pump, "suspend", "one");
  await redis.client.rpush(LIST, ...[1, 2, 3].map((n) => Buffer.from(record(n))), "no record");
  await pump.drained(redis, ["two"]);
  const lines = (await command(pump, "tap", "one", "--records", "4", "--json")).out.trim().split("\n");
  const tapped = lines.map((line) => JSON.parse(line));
  expect(tapped.map(({ taken, index }) => [taken, index])).toEqual([
    [true, 0],
    [true, 1],
    [false, 2],
    [false, 3],
  ]);
  expect(tapped[0].record).toMatchObject({ api_id: "api1", host: "", raw_request: "" });
  expect(tapped[3].record).toBeNull();
  // The row of the file, of those that have one.
  expect(tapped.map(({ sends }) => sends?.includes(",api1,"))).toEqual([true, false, undefined, undefined]);
  const people = (await command(pump, "tap", "one", "--records", "3")).out;
  expect(people).toMatch(/^record 0 of chunk \d+-0\./);
  expect(people).toContain("record 2 of chunk");
  expect(people).toContain("left out by the sink's filters");
  await command(pump, "resume", "one");
  await pump.drained(redis, ["one", "two"]);
  expect((await command(pump, "tap", "none")).err).toContain("There are: ");
});

test("dead letters are replayed by command, to those that are named", async () => {
  const { redis, pump, push } = await scene();
  await push("no record", "none either");
  await pump.drained(redis, ["one", "two"]);
  expect(await command(pump, "dlq", "replay")).toMatchObject({ code: 1, err: expect.stringContaining("--all") });
  const before = JSON.parse((await command(pump, "dlq", "list", "--sink", "one", "--json")).out).letters;
  const told = await command(pump, "dlq", "replay", before[0].id, before[1].id);
  expect(told).toMatchObject({ code: 0, out: expect.stringMatching(/^2 letters on the way/) });
  await command(pump, "suspend", "two");
  expect(await command(pump, "dlq", "replay", "--sink", "two")).toMatchObject({
    ...{ code: 1, out: expect.stringContaining("2 letters left: the sink two is suspended, resume it first.") },
  });
  // They still cannot be read: new letters stand in their place.
  await until(async () => {
    const now = JSON.parse((await command(pump, "dlq", "list", "--json")).out).letters;
    const kept = now.filter(({ id }: { id: string }) => before.some((old: { id: string }) => old.id === id));
    return now.length === 4 && kept.length === 0;
  }, "the letters to be replaced");
});

test("with Redis away: what needs it says so, the rest works", async () => {
  const { redis, pump } = await scene();
  await redis.stop();
  await pump.says((readiness) => readiness?.log.ready === false, "that the log is away");
  for (const args of [
    ["dlq", "list"],
    ["dlq", "drop", "--all", "--yes"],
    ["tap", "one"],
  ]) {
    expect(await command(pump, ...args)).toMatchObject({ code: 1, out: "", err: expect.stringContaining("Redis at ") });
  }
  expect(await command(pump, "suspend", "one")).toMatchObject({ code: 0, err: "" });
  expect(await command(pump, "resume", "one")).toMatchObject({ code: 0, err: "" });
});
