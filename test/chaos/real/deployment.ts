import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Config } from "../../../core/config/config.ts";
import { clocksIn, type TestClock } from "../../support/clock.ts";
import { isDrained } from "../../support/gateway.ts";
import { type TestSink, until } from "../../support/pump.ts";
import { type SluiceProcess, startSluiceWith } from "../../support/sluice-process.ts";
import { CHUNK } from "./credit.ts";
import { startCsv } from "./csv.ts";
import { type Event, type Plan, type SinkName, TEST_SINKS, type TestSinkName } from "./plan.ts";
import type { Plugin } from "./plugin.ts";
import { startSqlAggregate } from "./postgres.ts";
import { Pusher } from "./pusher.ts";
import { startWatchedStore } from "./sentinels.ts";
import { type Store, startStore } from "./store.ts";

const STOP_MS = 4000;
const CALL_MS = 2000;
/** After the last fault, how long all may take to come to rest. */
const PATIENCE_MS = 60_000;
/** A loaded machine takes long to load some plugins at once. */
const START_SECONDS = 150;
const COMPANY = 40;
const COMPANY_MS = 15_000;

/** Instances on one Redis, and destinations. */
export class Deployment {
  readonly plan: Plan;
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
  store!: Store;
  pusher!: Pusher;
  readonly plugins: Plugin[] = [];
  /** Instances that were replaced to try again what was suspended. */
  replaced = 0;
  readonly #say: (line: string) => void;
  /** Of the instances; none, if none is set in this run. */
  readonly #clocks: TestClock[] = [];
  readonly #instances: (SluiceProcess | null)[] = [];
  readonly #all: SluiceProcess[] = [];
  /** What undoes a fault, and is under way. */
  readonly #ends: Promise<void>[] = [];

  constructor(plan: Plan, say: (line: string) => void) {
    this.plan = plan;
    this.#say = say;
  }

  file(sink: TestSinkName): string {
    return join(this.folder, `${sink}.out`);
  }

  async start(): Promise<void> {
    const { redis, instances, sinks, events } = this.plan;
    const clock = events.some((event) => event.do.includes("clock")) ? clocksIn(this.folder) : null;
    if (clock) for (const i of instances.keys()) this.#clocks.push(clock(`instance-${i}`));
    this.store = await (redis === "single" ? startStore(instances.length, clock?.("redis")) : startWatchedStore());
    this.pusher = new Pusher(this.store, this.#say);
    if (sinks.includes("csv")) this.plugins.push(startCsv(this.folder, instances.length));
    if (sinks.includes("sql_aggregate")) this.plugins.push(await startSqlAggregate(this.folder));
    for (const i of instances.keys()) await this.#begin(i);
    await until(
      async () => {
        await this.#reviveSuspended();
        const answers = await Promise.all(this.#instances.map((it) => it?.readiness()));
        return answers.every((answer) => answer?.ready);
      },
      "all instances to be ready",
      START_SECONDS,
    );
  }

  async happen(events: readonly Event[]): Promise<void> {
    const began = performance.now();
    for (const [i, event] of events.entries()) {
      await sleep(Math.max(0, event.at - (performance.now() - began)));
      this.#say(`${i}: ${JSON.stringify(event)}`);
      const done = this.#happen(event).catch((error: Error) => this.#say(`  that failed: ${error.message}`));
      this.#ends.push(done);
    }
    await Promise.all(this.#ends);
  }

  /** Null once every sink has everything; else what it came to. */
  async rest(): Promise<string | null> {
    this.#say("all is well again");
    for (const [i, instance] of this.#instances.entries())
      if (instance === null || instance.ended) await this.#begin(i);
    const latest = performance.now() + PATIENCE_MS;
    let company = performance.now();
    while (performance.now() < latest) {
      await this.#reviveSuspended();
      if (this.plan.poison.length > 0 && performance.now() > company) {
        company = performance.now() + COMPANY_MS;
        await this.pusher.push(COMPANY);
      }
      if (await isDrained(this.store.client, this.plan.sinks)) return null;
      await sleep(250);
    }
    return "it never came to rest";
  }

  /** Ends everything; what the processes said last, if it is asked for. */
  async end(tell: boolean): Promise<void> {
    if (tell) for (const it of this.#all) this.#say(`--- instance\n${it.tail()}`);
    await Promise.all(this.#all.map((it) => it.kill()));
    await Promise.all(this.plugins.map((it) => it.stop()));
    await this.store?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #begin(i: number): Promise<void> {
    const { actors, delay, poison, instances } = this.plan;
    const paths = poison.map((n) => `/items/${n}`);
    const config = { delay, poison: paths, records: 2 * CHUNK };
    const all: { [name in TestSinkName]: TestSink } = {
      chaotic: { type: "chaotic", module: "chaotic.ts", timeoutMs: CALL_MS, actors, heapMb: 64, config },
      exact: { type: "exact", module: "exact.ts" },
      good: { type: "good", module: "good.ts" },
    };
    const own = TEST_SINKS.filter((name) => instances[i]!.includes(name)).map((name) => [name, all[name]] as const);
    const { address, storage } = this.store.reach(i);
    const it = await startSluiceWith(address, Object.fromEntries(own), {
      folder: this.folder,
      delivery: { chunkRecords: CHUNK, pollMs: 50 },
      stopMs: STOP_MS,
      loaded: this.plugins.map((plugin) => plugin.sink(i)),
      ...(this.#clocks[i] && { env: this.#clocks[i].env }),
      ...(storage && { storage }),
    });
    this.#instances[i] = it;
    this.#all.push(it);
  }

  /** What crashed too often is tried again in minutes: too long for a test. */
  async #reviveSuspended(): Promise<void> {
    for (const [i, instance] of this.#instances.entries()) {
      const states = Object.values((await instance?.readiness())?.sinks ?? {}).map(({ state }) => state);
      if (!instance || !states.includes("suspended")) continue;
      this.#say(`instance ${i} has a suspended sink and is replaced`);
      this.replaced++;
      await instance.terminate();
      await this.#begin(i);
    }
  }

  async #happen(event: Event): Promise<void> {
    switch (event.do) {
      case "push":
        return this.pusher.push(event.count);
      case "far end":
        writeFileSync(`${this.file("chaotic")}.mode`, event.mode);
        await sleep(event.ms);
        writeFileSync(`${this.file("chaotic")}.mode`, "up");
        return;
      case "disk is full":
        return this.plugins.find(({ name }) => name === "csv")!.happen(event);
      case "postgres ends":
      case "postgres stalls":
      case "postgres loses commit":
        return this.plugins.find(({ name }) => name === "sql_aggregate")!.happen(event);
    }
    if ("instance" in event) return this.#strike(event);
    return this.store.happen(event);
  }

  async #strike(event: Extract<Event, { instance: number }>): Promise<void> {
    const instance = this.#instances[event.instance];
    const proxy = this.store.proxy(event.instance);
    switch (event.do) {
      case "cut":
        return proxy?.cut();
      case "stall":
        proxy?.stall(true);
        await sleep(event.ms);
        // What was swallowed is gone: the connections are of no use any more.
        proxy?.cut();
        return proxy?.stall(false);
      case "delay":
        proxy?.delay(event.by);
        await sleep(event.ms);
        return proxy?.delay(0);
      case "lose reply":
        return proxy?.loseReplyTo(event.to);
      case "clock":
        return this.#clocks[event.instance]!.set(event.by);
    }
    // It is being replaced already.
    if (!instance || instance.ended) return;
    switch (event.do) {
      case "reload":
        return reload(instance, event);
      case "freeze":
        instance.signal("SIGSTOP");
        await sleep(event.ms);
        instance.signal("SIGCONT");
        return;
    }
    this.#instances[event.instance] = null;
    instance.signal("SIGCONT");
    if (event.do === "kill") await instance.kill();
    else await instance.terminate();
    await sleep(event.ms);
    await this.#begin(event.instance);
  }
}

/** Another configuration for a while: without some sinks, and with others that are not what they were. */
async function reload(
  instance: SluiceProcess,
  { without, replaced, ms }: { without: readonly SinkName[]; replaced: readonly SinkName[]; ms: number },
): Promise<void> {
  const before = readFileSync(instance.file, "utf8");
  const config = JSON.parse(before) as Config;
  const is = (names: readonly string[], name: string) => names.includes(name);
  const sinks = config.sinks
    .filter(({ name }) => !is(without, name))
    .map((sink) => (is(replaced, sink.name) ? { ...sink, timeoutMs: sink.timeoutMs + 1000 } : sink));
  for (const text of [JSON.stringify({ ...config, sinks }), before]) {
    writeFileSync(instance.file, text);
    instance.signal("SIGHUP");
    await sleep(ms);
  }
}
