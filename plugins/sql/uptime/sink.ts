import { type Batch, type Call, defineSink, type Gather, Type, type UptimeRecord } from "@sluice/sdk";
import { checkDatabase } from "../database/check.ts";
import { openDatabase } from "../database/open.ts";
import { connectionSettings } from "../database/settings.ts";
import { Seen } from "../watermarks/seen.ts";
import { dropMarks } from "../watermarks/table.ts";
import { UptimeCounters } from "./counters.ts";
import { UptimeStore } from "./store.ts";
import { UPTIME_TABLE } from "./table.ts";

/** So many counters are written before more are made. */
const MOST_COUNTERS = 20_000;
const HOUR_MS = 3_600_000;
/** A chunk that was delivered does not come again after so long. */
const KEEP_MARKS_SECONDS = 14 * 86_400;

/** Reports of the gateway's host checker, added up by hour, URL and status code; each report once, however often it is delivered. */
export const uptimeSink = defineSink({
  type: "sql-uptime",
  reads: "uptime",
  decodes: false,
  config: Type.Object({ ...connectionSettings }),
  check: ({ config }) => checkDatabase(config, UPTIME_TABLE),
  async open({ config, name, log, every }) {
    const database = await openDatabase(config);
    const store = new UptimeStore(database, config.batch_size || 1000);
    try {
      await store.open(config.table_sharding, config.migrate_sharded_tables, log);
    } catch (error) {
      await database.close();
      throw error;
    }
    every(HOUR_MS, () => dropMarks(database, database.dialect, name, KEEP_MARKS_SECONDS));
    return {
      gather: () => new UptimeGather(store, name, config.table_sharding),
      close: () => database.close(),
    };
  },
});

class UptimeGather implements Gather<UptimeRecord> {
  readonly #store: UptimeStore;
  readonly #counters: UptimeCounters;
  readonly #seen: Seen;

  constructor(store: UptimeStore, sink: string, daily: boolean) {
    this.#store = store;
    this.#counters = new UptimeCounters(daily);
    this.#seen = new Seen(store.database.dialect, sink);
  }

  async add(batch: Batch<UptimeRecord>, call: Call<UptimeRecord>): Promise<void> {
    await this.#seen.add(this.#store.database, batch);
    for (const record of batch) {
      if (!this.#seen.isNew(record)) continue;
      if (record.orgId === "") {
        call.skip(record);
        continue;
      }
      const reason = this.#counters.add(record);
      if (reason !== null) call.reject(record, reason);
    }
    if (this.#counters.size >= MOST_COUNTERS) call.full();
  }

  async flush(call: Call<UptimeRecord>): Promise<void> {
    if (this.#seen.empty) return;
    await this.#store.write(this.#counters, call, (session) => this.#seen.commit(session));
  }
}
