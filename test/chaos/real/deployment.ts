import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeMsgpack } from "@sluice/sdk/record";
import { isDrained, LIST, recordOf } from "../../support/gateway.ts";
import { startProxy, type TestProxy } from "../../support/proxy.ts";
import { type TestSink, until } from "../../support/pump.ts";
import { startRedis, type TestRedis } from "../../support/redis.ts";
import { type SluiceProcess, startSluiceWith } from "../../support/sluice-process.ts";
import { type Event, type Plan, SINKS, type SinkName } from "./plan.ts";

/** Small, so that what one fault repeats stays small against what there is. */
export const CHUNK = 20;
const STOP_MS = 4000;
const CALL_MS = 2000;
/** After the last fault, how long all may take to come to rest. */
const PATIENCE_MS = 60_000;
/** The client sends again what was not answered: a push that was done is not done twice. */
const PUSH_ONCE = `if redis.call('SETNX',KEYS[2],'')==1 then for i=1,#ARGV do redis.call('RPUSH',KEYS[1],ARGV[i]) end end return 1`;
/** A loaded machine takes long to load some plugins at once. */
const START_SECONDS = 150;
const COMPANY = 40;
const COMPANY_MS = 15_000;

/** Instances, each behind a proxy, on one Redis. */
export class Deployment {
  readonly plan: Plan;
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-chaos-"));
  redis!: TestRedis;
  /** Records that Redis has said to have. */
  pushed = 0;
  /** Instances that were replaced to try again what was suspended. */
  replaced = 0;
  readonly #say: (line: string) => void;
  readonly #proxies: TestProxy[] = [];
  readonly #instances: (SluiceProcess | null)[] = [];
  readonly #all: SluiceProcess[] = [];
  /** What undoes a fault, and is under way. */
  readonly #ends: Promise<void>[] = [];
  #pushing: Promise<void> = Promise.resolve();

  constructor(plan: Plan, say: (line: string) => void) {
    this.plan = plan;
    this.#say = say;
  }

  file(sink: SinkName): string {
    return join(this.folder, `${sink}.out`);
  }

  async start(): Promise<void> {
    this.redis = await startRedis({ flags: { appendonly: "yes", appendfsync: "always" } });
    for (const _ of this.plan.instances) this.#proxies.push(await startProxy(this.redis));
    for (const i of this.plan.instances.keys()) await this.#begin(i);
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
    await this.#pushing;
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
        await this.#push(COMPANY);
      }
      if (await isDrained(this.redis.client, SINKS)) return null;
      await sleep(250);
    }
    return "it never came to rest";
  }

  /** Ends everything; what the processes said last, if it is asked for. */
  async end(tell: boolean): Promise<void> {
    if (tell) for (const it of this.#all) this.#say(`--- instance\n${it.tail()}`);
    await Promise.all(this.#all.map((it) => it.kill()));
    await Promise.all(this.#proxies.map((it) => it.stop()));
    await this.redis?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #begin(i: number): Promise<void> {
    const { actors, delay, poison, instances } = this.plan;
    const paths = poison.map((n) => `/items/${n}`);
    const config = { delay, poison: paths, records: 2 * CHUNK };
    const all: { [name in SinkName]: TestSink } = {
      chaotic: { type: "chaotic", module: "chaotic.ts", timeoutMs: CALL_MS, actors, heapMb: 64, config },
      exact: { type: "exact", module: "exact.ts" },
      good: { type: "good", module: "good.ts" },
    };
    const own = Object.fromEntries(instances[i]!.map((name) => [name, all[name]]));
    const { port } = this.#proxies[i]!;
    const delivery = { chunkRecords: CHUNK, pollMs: 50 };
    const address = { host: "127.0.0.1", port };
    const it = await startSluiceWith(address, own, { folder: this.folder, delivery, stopMs: STOP_MS });
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
    const { redis } = this;
    switch (event.do) {
      case "push":
        // One after the other, as one gateway does it.
        this.#pushing = this.#pushing.then(() => this.#push(event.count));
        return;
      case "redis ends":
        await redis.kill("SIGKILL");
        await sleep(event.ms);
        return redis.restart();
      case "redis freezes":
        await redis.kill("SIGSTOP");
        await sleep(event.ms);
        return redis.kill("SIGCONT");
      case "redis is full":
        await redis.client.config("SET", "maxmemory", "1mb");
        await sleep(event.ms);
        await redis.client.config("SET", "maxmemory", "0");
        return;
      case "redis cuts":
        await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
        return;
      case "redis refuses":
        await redis.client.call("ACL", "SETUSER", "default", `-${event.what}`);
        await sleep(event.ms);
        await redis.client.call("ACL", "SETUSER", "default", `+${event.what}`);
        return;
      case "far end":
        writeFileSync(`${this.file("chaotic")}.mode`, event.mode);
        await sleep(event.ms);
        writeFileSync(`${this.file("chaotic")}.mode`, "up");
        return;
      default:
        return this.#strike(event);
    }
  }

  async #strike(event: Extract<Event, { instance: number }>): Promise<void> {
    const instance = this.#instances[event.instance];
    const proxy = this.#proxies[event.instance]!;
    switch (event.do) {
      case "cut":
        return proxy.cut();
      case "stall":
        proxy.stall(true);
        await sleep(event.ms);
        // What was swallowed is gone: the connections are of no use any more.
        proxy.cut();
        return proxy.stall(false);
      case "delay":
        proxy.delay(event.by);
        await sleep(event.ms);
        return proxy.delay(0);
      case "lose reply":
        return proxy.loseReplyTo(event.to);
    }
    // It is being replaced already.
    if (!instance || instance.ended) return;
    if (event.do === "freeze") {
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

  /** As often as it takes. */
  async #push(count: number): Promise<void> {
    for (let left = count; left > 0; ) {
      const some = Math.min(left, 200);
      const records = Array.from({ length: some }, (_, i) => Buffer.from(encodeMsgpack(recordOf(this.pushed + i))));
      try {
        await this.redis.client.eval(PUSH_ONCE, 2, LIST, `pushed:${this.pushed}`, ...records);
        this.pushed += some;
        left -= some;
      } catch (error) {
        // Full, or refused for now: nothing was taken. A connection that breaks tries by itself.
        this.#say(`  a push was refused: ${(error as Error).message}`);
        await sleep(200);
      }
    }
  }
}
