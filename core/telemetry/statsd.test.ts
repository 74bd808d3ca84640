import { createSocket } from "node:dgram";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../test/support/pump.ts";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import { createLogger } from "../logging/index.ts";
import type { Status } from "../supervisor/status.ts";
import { eventsBetween, pauseEvents } from "./events.ts";
import { startStatsd } from "./statsd.ts";

/** So many records claimed, and settled in so many pieces that took so long in all. */
function snapshot(claimed: number, pieces: { [type: string]: [count: number, sumMs: number] }): Status {
  const sinks = Object.entries(pieces).map(([type, [count, sumMs]]) =>
    fakeSink(type, { latency: { counts: [], count, sumMs } }),
  );
  const lists = [
    { name: "analytics-tyk-system-analytics", claimed, live: 0 },
    { name: "host-checker:tyk-uptime-analytics", claimed: 1000, live: 0 },
  ];
  return fakeStatus(sinks, { lists });
}

test("records are counted, and the time of what each sink settled is told", () => {
  const before = snapshot(10, { csv: [1, 5], mongo: [0, 0], own: [3, 9] });
  expect(eventsBetween(before, before)).toEqual([]);
  const now = snapshot(25, { csv: [3, 45], mongo: [2, 101], own: [3, 9] });
  expect(eventsBetween(before, now).map(({ name, value }) => [name, value])).toEqual([
    ["record", 15],
    ["purge_time_CSV Pump", 20],
    ["purge_time_MongoDB Pump", 50.5],
    ["purge_time_all", 50.5],
  ]);
  expect(pauseEvents([]).map(({ value }) => value)).toEqual([0, 0, 0, 0, 0]);
  expect(pauseEvents([5, 1, 3, 2, 4]).map(({ value }) => value)).toEqual([1e6, 2e6, 3e6, 4e6, 5e6]);
});

for (const [prefix, ahead] of [
  ["", ""],
  ["my pump", "my$pump."],
] as const) {
  test(`over UDP each event has two names, ${prefix === "" ? "bare" : "behind the prefix"}`, async () => {
    const socket = createSocket("udp4");
    onTestFinished(() => void socket.close());
    const datagrams: string[] = [];
    socket.on("message", (message) => datagrams.push(message.toString()));
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    let status = snapshot(0, { mongo: [0, 0] });
    const statsd = startStatsd({
      config: { host: "127.0.0.1", port: socket.address().port, prefix },
      status: () => status,
      logger: createLogger({ level: "error", format: "text", write: () => {} }),
    });
    status = snapshot(7, { mongo: [3, 4] });
    await statsd.stop();
    const lines = () => datagrams.flatMap((datagram) => datagram.split("\n")).filter((line) => line !== "");
    await until(
      () => lines().length >= 16,
      () => `all events; there are ${lines().join(" ")}`,
    );
    const kinds = Object.fromEntries(
      lines().map((line) => line.split("|").map((part, i) => (i === 0 ? part.split(":")[0]! : part))),
    );
    const names = ["min", "25", "50", "75", "max"].map((name) => [`pauses_quantile_${name}`, "GCActivity", "g"]);
    const purge = [
      ["record", "PumpRecordsPurge", "c"],
      ["purge_time_MongoDB$Pump", "PumpRecordsPurge", "ms"],
      ["purge_time_all", "PumpRecordsPurge", "ms"],
    ];
    expect(kinds).toEqual(
      Object.fromEntries(
        [...names, ...purge].flatMap(([name, job, kind]) => [
          [`${ahead}${name}`, kind],
          [`${ahead}${job}.${name}`, kind],
        ]),
      ),
    );
    expect(lines()).toContain(`${ahead}record:7|c`);
    expect(lines()).toContain(`${ahead}PumpRecordsPurge.purge_time_MongoDB$Pump:1.33|ms`);
    for (const datagram of datagrams) expect(Buffer.byteLength(datagram)).toBeLessThanOrEqual(1440);
  });
}
