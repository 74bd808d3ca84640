import { NO_PREPARATION } from "@sluice/sdk/testing";
import type { SinkConfig } from "../../config/config.ts";
import { createLogger } from "../../logging/index.ts";
import { ChunkReader } from "../chunk-reader.ts";
import { ListDrain } from "../list-drain.ts";
import { Sink } from "../sink.ts";
import { SlabPool } from "../slabs.ts";
import { Troubles } from "../troubles.ts";
import { inTurns } from "../turns.ts";
import { FakeActor } from "./actor.ts";
import { FakeList, LEASE_MS } from "./list.ts";

/** One sink on the supervisor's side, with fake actors and fake lists. For fake timers. */
export class House {
  readonly pool = new SlabPool();
  readonly reader = new ChunkReader(this.pool, 2 ** 28);
  readonly lists: readonly FakeList[];
  readonly drains: readonly ListDrain[];
  readonly sink: Sink;
  /** All that were ever started. */
  readonly actors: FakeActor[] = [];
  readonly lines: string[] = [];

  constructor(options: { lists?: number; actors?: number; letters?: number } = {}) {
    const { lists = 1, actors = 1, letters = 1000 } = options;
    const logger = createLogger({
      level: "debug",
      format: "text",
      perSecond: 1e9,
      write: (line) => this.lines.push(line),
    });
    this.lists = Array.from({ length: lists }, (_, i) => new FakeList(`list${i}`));
    const hungry = inTurns(() => this.drains);
    this.sink = new Sink(
      configOf(actors),
      { leaseMs: LEASE_MS, letters: { records: letters, bytes: 2 ** 30 } },
      this.reader,
      logger,
      {
        hungry,
        renew: (list) => this.drains.find((drain) => drain.list === list)!.renewSoon(),
      },
      (hello, _heap, events) => {
        const actor = new FakeActor(hello.actor, events);
        this.actors.push(actor);
        return actor;
      },
    );
    const troubles = new Troubles(logger);
    this.drains = this.lists.map(
      (list) => new ListDrain(list, () => [this.sink], { leaseMs: LEASE_MS, pollMs: 200 }, logger, troubles, hungry),
    );
  }

  start(): void {
    this.sink.crew.start();
    for (const drain of this.drains) drain.start();
  }

  /** Those that have not ended. */
  get alive(): FakeActor[] {
    return this.actors.filter(({ state }) => state !== "ended");
  }

  async stop(ms: number): Promise<void> {
    for (const drain of this.drains) drain.stop();
    const now = performance.now();
    await this.sink.stop(now + ms * 0.8, now + ms);
    for (const drain of this.drains) drain.end();
  }
}

function configOf(actors: number): SinkConfig {
  return {
    name: "sink",
    type: "fake",
    reads: "analytics",
    fingerprint: "",
    config: {},
    plugin: {
      name: "fake",
      version: "0",
      entry: "",
      api: 1,
      features: [],
      permissions: {},
      isolation: "worker" as const,
      roots: [],
      link: null,
      files: null,
      pathKeys: [],
    },
    prepare: NO_PREPARATION,
    timeoutMs: 0,
    actors,
    heapMb: 128,
  };
}
