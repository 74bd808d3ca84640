import { isDrained } from "../../test/support/gateway.ts";
import { until } from "../../test/support/pump.ts";
import type { Backlog } from "../backlog.ts";
import { cpuOf } from "../cpu.ts";
import { runInstances } from "../pump.ts";
import type { Figure } from "../table.ts";

const INSTANCES = [1, 2, 4];
const RECORDS = 300_000;
const ROUNDS = 3;
const PATIENCE_S = 120;

/** Several instances with the same sink, which counts, share a backlog on one Redis; the numbers of them take turns. */
export async function instances(backlog: Backlog): Promise<Figure[]> {
  const measured = new Map(INSTANCES.map((count) => [count, [] as Measured[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [count, runs] of measured) runs.push(await run(backlog, count));
  }
  return [...measured].flatMap(([count, runs]): Figure[] => {
    const name = count === 1 ? "1 instance" : `${count} instances`;
    return [
      { name, values: runs.map(({ seconds }) => RECORDS / seconds), unit: "records/s" },
      { name: "  CPU a record, Sluice", values: runs.map(({ sluice }) => (sluice / RECORDS) * 1e9), unit: "ns" },
      { name: "  CPU a record, Redis", values: runs.map(({ redis }) => (redis / RECORDS) * 1e9), unit: "ns" },
    ];
  });
}

interface Measured {
  /** From the backlog's appearance to the last acknowledgement. */
  seconds: number;
  /** CPU seconds, of all instances. */
  sluice: number;
  redis: number;
}

async function run(backlog: Backlog, count: number): Promise<Measured> {
  const { redis } = backlog;
  let [seconds, redisCpu] = [0, 0];
  const cpu = await runInstances(backlog, count, RECORDS, async () => {
    const before = cpuOf([redis]);
    const began = performance.now();
    await backlog.push();
    await until(() => isDrained(redis.client, ["a"]), "the instances to have all records", PATIENCE_S);
    seconds = (performance.now() - began) / 1000;
    redisCpu = cpuOf([redis]) - before;
  });
  return { seconds, sluice: cpu.reduce((sum, one) => sum + one, 0), redis: redisCpu };
}
