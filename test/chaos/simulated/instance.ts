import { Actor } from "../../../core/actor/actor.ts";
import type { Config, RedisLogConfig } from "../../../core/config/config.ts";
import type { DeliveryLog } from "../../../core/log/log.ts";
import type { Level, Logger } from "../../../core/logging/index.ts";
import { createSupervisor, type Supervisor } from "../../../core/supervisor/supervisor.ts";
import { type TestSink, testConfig } from "../../support/pump.ts";
import { redisLogConfig } from "../../support/redis.ts";
import type { SimulatedBody } from "./body.ts";
import { diskEngine, redisEngine } from "./engine.ts";
import { SimulatedLink } from "./link.ts";
import type { Plan } from "./plan.ts";
import type { SinkPlan } from "./sinks.ts";
import { Realm } from "./time.ts";
import type { World } from "./world.ts";

const TIMEOUT_MS = 2000;
const LISTS = ["analytics-one", "analytics-two"];
const STOP_MS = 5000;
const CALL_MS = 3000;

/** The names of the lists of a run. */
export function listsOf(count: number): string[] {
  return LISTS.slice(0, count);
}

/** One life of one instance: all of core but its sockets and threads. */
export class Instance {
  readonly number: number;
  readonly realm: Realm;
  readonly link: SimulatedLink;
  readonly bodies = new Set<SimulatedBody>();
  readonly log: DeliveryLog;
  readonly #supervisor: Supervisor;
  readonly #plan: Plan;
  /** Set when an orderly stop has ended. */
  stopped = false;

  constructor(world: World, number: number, sinks: readonly SinkPlan[]) {
    this.number = number;
    const { simulation, plan, server } = world;
    this.#plan = plan;
    this.realm = new Realm(simulation, `instance ${number}`);
    const config = configOf(sinks, plan);
    const parts = this.realm.run(() => {
      const link = new SimulatedLink(server, TIMEOUT_MS);
      const lists = listsOf(plan.lists).map((name) => ({ name, wire: "msgpack" as const }));
      const engine = { redis: config.log, delivery: config.delivery, lists, link };
      const log =
        plan.engine === "redis"
          ? redisEngine(engine, world.mutant.options)
          : diskEngine(engine, world.folderOf(number), world);
      const logger = loggerOf((level, line) => world.say(`  instance ${number} ${level}: ${line}`));
      const makeBody = world.makeBody(this);
      const supervisor = createSupervisor({
        config,
        log: world.mutant.log?.(log) ?? log,
        logger,
        spawn: (hello, heap, events, output, home) => new Actor(hello, heap, events, output, home, makeBody),
      });
      void supervisor.start();
      return { link, log, supervisor };
    });
    this.link = parts.link;
    this.log = parts.log;
    this.#supervisor = parts.supervisor;
  }

  get alive(): boolean {
    return !this.realm.gone && !this.stopped;
  }

  /** Ends in the midst of what it does. */
  kill(): void {
    this.realm.die();
    // As the system does for a process that is gone.
    void this.log.close();
  }

  /** Goes on with these sinks; `replaced`: by others of the same name. */
  reload(sinks: readonly SinkPlan[], replaced: readonly string[], done: () => void): void {
    this.realm.run(() => {
      const wanted = configOf(sinks, this.#plan).sinks.map((sink) =>
        replaced.includes(sink.name) ? { ...sink, timeoutMs: sink.timeoutMs + 1 } : sink,
      );
      void this.#supervisor.change(wanted).then(done);
    });
  }

  /** An orderly stop. */
  stop(done: () => void): void {
    this.realm.run(() =>
      this.#supervisor.stop(STOP_MS).then(() => {
        this.stopped = true;
        done();
        // As a process ends.
        this.realm.die();
      }),
    );
  }

  probe(): void {
    this.realm.run(() => {
      for (const { name, state } of this.#supervisor.status().sinks) {
        if (state === "suspended") this.#supervisor.probe(name);
      }
    });
  }

  /** For the history of a run that does not come to rest. */
  describe(): string {
    const { logError, lists, sinks } = this.realm.run(() => this.#supervisor.status());
    const sink = (it: (typeof sinks)[number]) =>
      `${it.name} ${it.state} (${it.reason ?? "well"}) delivered ${it.delivered}, dead ${it.deadLettered}, holds ${it.held.chunks} chunks`;
    return `instance ${this.number}: log ${logError ?? "well"}; live ${lists.map(({ live }) => live)}; ${sinks.map(sink).join("; ")}`;
  }
}

function configOf(sinks: readonly SinkPlan[], { leaseMs, chunkRecords }: Plan): Config & { log: RedisLogConfig } {
  const delivery = { leaseMs, chunkRecords, pollMs: 100, letters: { records: 1000, bytes: 1 << 24 } };
  const named = sinks.map(({ name, actors }): [string, TestSink] => [
    name,
    { type: name, module: "", timeoutMs: CALL_MS, actors, plugin: { permissions: {} } },
  ]);
  return {
    ...testConfig("", Object.fromEntries(named), delivery),
    log: redisLogConfig({ host: "redis", port: 6379 }, { timeoutMs: TIMEOUT_MS }),
    stopMs: STOP_MS,
  };
}

function loggerOf(say: (level: Level, line: string) => void): Logger {
  const at = (level: Level) => (message: string, fields?: object) => {
    const { error } = (fields ?? {}) as { error?: unknown };
    say(level, error instanceof Error ? `${message}: ${error.message}` : message);
  };
  return {
    error: at("error"),
    warn: at("warn"),
    info: at("info"),
    debug: () => {},
    mask: (text: string) => text,
  } as unknown as Logger;
}
