import { setTimeout as sleep } from "node:timers/promises";
import { recordOf } from "../../support/gateway.ts";
import { startPostgres } from "../../support/postgres.ts";
import { startProxy } from "../../support/proxy.ts";
import { outages } from "./outage.ts";
import { loadedSink, type Plugin } from "./plugin.ts";

const NAME = "sql_aggregate";
const KEYS = `SELECT dimension_value AS key, sum(counter_hits)::int AS hits FROM tyk_aggregated WHERE dimension = 'apikeys' GROUP BY 1`;
const TOTALS = `SELECT coalesce(sum(counter_hits), 0)::int AS hits, coalesce(sum(counter_total_request_time), 0)::int AS time
  FROM tyk_aggregated WHERE dimension = ''`;

/** Aggregates on a PostgreSQL that is killed, or does not answer: each record has a key of its own, and is counted once. */
export async function startSqlAggregate(folder: string): Promise<Plugin> {
  // It keeps what it has committed when it is killed: only the machine's end would take more.
  const postgres = await startPostgres({ flags: { synchronous_commit: "on" } });
  const outage = outages(postgres);
  const proxy = await startProxy(postgres);
  const dsn = postgres.dsn.replace(`port=${postgres.port}`, `port=${proxy.port}`);
  return {
    name: NAME,
    sink: () => loadedSink(folder, NAME, { type: "postgres", connection_string: dsn }, 3),
    async happen(event) {
      switch (event.do) {
        case "postgres ends":
          return outage(event.ms);
        case "postgres stalls":
          proxy.stall(true);
          await sleep(event.ms);
          // What was swallowed is gone: the connections are of no use any more.
          proxy.cut();
          return proxy.stall(false);
        case "postgres loses commit":
          return proxy.loseReplyTo("COMMIT");
        default:
          throw new Error(`${event.do} cannot happen to PostgreSQL`);
      }
    },
    async verdict({ given, doubtful }, { renamed }) {
      const wrong: string[] = [];
      const rows = (await postgres.query(KEYS)) as { key: string; hits: number }[];
      const hits = new Map(rows.map((row) => [row.key, row.hits]));
      let [all, time, repeated] = [0, 0, 0];
      const miscounted: number[] = [];
      for (let n = 0; n < given; n++) {
        const counted = hits.get(`key-${n}`) ?? 0;
        all += counted;
        time += counted * Number(recordOf(n).requestTime);
        repeated += Math.max(0, counted - 1);
        if (counted === 0 ? !doubtful.has(n) : counted > 1 && renamed === 0) miscounted.push(n);
      }
      if (miscounted.length > 0) {
        const some = miscounted.slice(0, 12).map((n) => `${n} ${hits.get(`key-${n}`) ?? 0} times`);
        wrong.push(`${NAME} counts ${miscounted.length} records wrong: ${some.join(", ")}`);
      }
      if (repeated > renamed) wrong.push(`${NAME} counts ${repeated} records too many, ${renamed} are explained`);
      const [totals] = await postgres.query(TOTALS);
      if (totals!.hits !== all || totals!.time !== time) {
        wrong.push(`${NAME} has totals ${JSON.stringify(totals)} over keys that make ${all} and ${time}`);
      }
      return { wrong, repeated };
    },
    async stop() {
      await proxy.stop();
      await postgres.stop();
    },
  };
}
