import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type ControlClient, controlClient } from "../../core/control/client.ts";
import { instanceOf } from "../../core/control/instance.ts";
import { until } from "../../test/support/pump.ts";
import { freePort } from "../../test/support/redis.ts";
import { SluiceProcess } from "../../test/support/sluice-process.ts";
import { type Backlog, LIST } from "../backlog.ts";
import { cpuOf } from "../cpu.ts";
import { recordMaker } from "../records.ts";
import { median } from "../stats.ts";
import type { Figure } from "../table.ts";

const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const RATE = 5000;
const SECONDS = 10;
const WARM_UP = 5;
/** Of one profile: one follows the other. */
const PROFILE_SECONDS = 2;
const ROUNDS = 5;
const BACKLOG = 1_500_000;
const TOKEN = "a-token-of-24-characters";
const SINKS = ["csv", "other"] as const;

/** What it costs that somebody looks: console, `top` and a scrape each second at a steady rate; a profile during a drain. */
export async function watching(backlog: Backlog): Promise<Figure[]> {
  const cpu = { alone: [] as number[], watched: [] as number[] };
  const rates = { alone: [] as Rates[], profiled: [] as Rates[] };
  for (let round = 0; round < ROUNDS; round++) {
    cpu.alone.push(await steady(backlog, false));
    cpu.watched.push(await steady(backlog, true));
    rates.alone.push(await drain(backlog, false));
    rates.profiled.push(await drain(backlog, true));
  }
  const alone = median(cpu.alone);
  const shares = SINKS.map((sink): Figure => {
    const base = median(rates.alone.map((rate) => rate[sink]));
    const values = rates.profiled.map((rate) => rate[sink] / base);
    const who = sink === "csv" ? "the sink that is profiled" : "another sink meanwhile";
    return { name: `${who}: share of its records/s alone`, values, atLeast: sink === "csv" ? 0.9 : 0.98 };
  });
  return [
    { name: `CPU at ${RATE.toLocaleString("en")} records/s for ${SECONDS} s`, values: cpu.alone, unit: "s" },
    { name: "  with console, top and a scrape each second", values: cpu.watched, unit: "s" },
    { name: "  times that", values: cpu.watched.map((value) => value / alone), atMost: 1.03 },
    ...shares,
  ];
}

type Rates = { [sink in (typeof SINKS)[number]]: number };

/** Seconds of CPU at a steady rate. What nobody watches has not been watched before either. */
async function steady(backlog: Backlog, watched: boolean): Promise<number> {
  return withPump(backlog, async ({ pump, client, port, page }) => {
    const make = recordMaker(2);
    const scrape = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const push = async (seconds: number) => {
      const began = performance.now();
      for (let tick = 0; tick < seconds * 50; tick++) {
        await sleep(Math.max(0, began + tick * 20 - performance.now()));
        await backlog.redis.client.rpush(LIST, ...Array.from({ length: RATE / 50 }, () => make()));
        if (watched && tick % 50 === 0) scrape().catch(() => {});
      }
    };
    const ended = new AbortController();
    const followers = Promise.all(watched ? [follow(client, ended.signal), page(ended.signal)] : []);
    followers.catch(() => {});
    // What is loaded at the first look, and compiled, is there from then on.
    await push(WARM_UP);
    const before = cpuOf([pump]);
    await push(SECONDS);
    const used = cpuOf([pump]) - before;
    ended.abort();
    for (const seen of await followers) {
      if (seen < SECONDS) throw new Error(`top or the page has seen ${seen} snapshots in ${SECONDS} s`);
    }
    await delivered(client, RATE * (WARM_UP + SECONDS));
    return used;
  });
}

/** As `top` does: how many snapshots came until the signal. */
async function follow(client: ControlClient, signal: AbortSignal): Promise<number> {
  let seen = 0;
  for await (const _ of client.follow(signal)) seen++;
  return seen;
}

async function followPage(url: string, signal: AbortSignal): Promise<number> {
  const headers = { Authorization: `Bearer ${TOKEN}`, "Sec-Fetch-Site": "same-origin" };
  const answer = await fetch(url, { headers, signal });
  if (!answer.ok) throw new Error(`the console answered ${answer.status}`);
  let seen = 0;
  try {
    for await (const part of answer.body!) seen += Buffer.from(part).toString().split("\n").length - 1;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return seen;
}

/** Records/s of each sink from the backlog's appearance on. */
async function drain(backlog: Backlog, profiled: boolean): Promise<Rates> {
  await backlog.stage(BACKLOG);
  return withPump(backlog, async ({ client }) => {
    const began = performance.now();
    await backlog.push();
    let done = !profiled;
    const profiles = (async () => {
      while (!done) await client.profile("csv", PROFILE_SECONDS, true);
    })();
    profiles.catch(() => {});
    const rates: Rates = { csv: 0, other: 0 };
    await until(
      async () => {
        for (const sink of (await client.status()).sinks) {
          const name = sink.name as keyof Rates;
          if (sink.delivered >= BACKLOG) rates[name] ||= BACKLOG / ((performance.now() - began) / 1000);
        }
        await sleep(20);
        return SINKS.every((sink) => rates[sink] > 0);
      },
      "all to be delivered",
      120,
    );
    done = true;
    return rates;
  });
}

interface Watched {
  pump: SluiceProcess;
  client: ControlClient;
  port: number;
  /** As the console's page does: how many snapshots came until the signal. */
  page: (signal: AbortSignal) => Promise<number>;
}

async function withPump<T>(backlog: Backlog, work: (watched: Watched) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-watching-"));
  const [port, consolePort] = [await freePort(), await freePort()];
  const file = join(folder, "pump.conf");
  mkdirSync(join(folder, "csv"));
  const conf = {
    analytics_storage_config: backlog.storage,
    dont_purge_uptime_data: true,
    health_check_endpoint_port: port,
    sluice: { console: { port: consolePort, token: TOKEN } },
    pumps: { csv: { type: "csv", meta: { csv_dir: join(folder, "csv") } }, other: { type: "dummy" } },
  };
  writeFileSync(file, JSON.stringify(conf));
  const pump = new SluiceProcess([COMMAND, "start", "-c", file], folder, port, file);
  try {
    await pump.ready();
    const { socket } = instanceOf(file, { SLUICE_RUN_DIR: join(folder, "run") });
    const page = (signal: AbortSignal) => followPage(`http://127.0.0.1:${consolePort}/v1/status?follow=true`, signal);
    return await work({ pump, client: controlClient({ socket, name: file, version: "" }), port, page });
  } finally {
    await pump.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function delivered(client: ControlClient, records: number): Promise<void> {
  const all = async () => (await client.status()).sinks.every((sink) => sink.delivered >= records);
  await until(all, `${records} records to be delivered`, 60);
}
