import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeMsgpack } from "@sluice/sdk/record";
import { expect, test } from "vitest";
import { LIST, recordOf } from "../support/gateway.ts";
import type { TestRedis } from "../support/redis.ts";
import { type SluiceProcess, useFolder, useRedis, useSluice } from "../support/sluice.ts";

const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));

interface Told {
  code: number;
  out: string;
  err: string;
}

/** A command of an operator beside a pump. */
function command({ folder }: SluiceProcess, ...args: string[]): Promise<Told> {
  const env = { PATH: process.env.PATH, SLUICE_RUN_DIR: join(folder, "run") };
  return new Promise((resolve) => {
    execFile(process.execPath, [COMMAND, ...args], { cwd: folder, env }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
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
