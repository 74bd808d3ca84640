import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Config } from "../../core/config/config.ts";
import { arrivals, numbersIn, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { type SluiceProcess, useFolder, useRedis, useSluice, useSluiceWith } from "../support/sluice.ts";

const RELOADS = 30;
/** Records pushed between two reloads. */
const PIECE = 700;
const COUNT = RELOADS * PIECE;

/** Rewrites its configuration and sends SIGHUP. */
function reload(sluice: SluiceProcess, edit: (conf: PumpConf) => void): void {
  const conf = JSON.parse(readFileSync(sluice.file, "utf8")) as PumpConf;
  edit(conf);
  writeFileSync(sluice.file, JSON.stringify(conf));
  sluice.signal("SIGHUP");
}

interface PumpConf {
  analytics_storage_config: { password?: string };
  log_level: string;
  pumps: { [name: string]: { type: string; meta: object; timeout?: number } };
  sluice: { [name: string]: unknown };
}

async function said(sluice: SluiceProcess, what: RegExp, seconds = 30): Promise<void> {
  await until(
    async () => what.test(sluice.output),
    () => `it to say ${what}\n${sluice.tail()}`,
    seconds,
  );
}

/** The threads of its actors, by name. */
function actors({ pid }: SluiceProcess): string[] {
  const names = readdirSync(`/proc/${pid}/task`).map((task) => {
    try {
      return readFileSync(`/proc/${pid}/task/${task}/comm`, "utf8").trim();
    } catch {
      // It has just ended.
      return "";
    }
  });
  return names.filter((name) => /#\d+$/.test(name));
}

test("ten times a second during a drain, sinks replaced, added and removed: nothing is lost or doubled, no actor stays behind", async () => {
  const redis = await useRedis();
  const [a, b] = [useFolder(), useFolder()];
  const sluice = await useSluice({ redis, csv: { a } });
  await sluice.ready();
  for (let i = 0; i < RELOADS; i++) {
    const pushing = push(redis.client, i * PIECE, (i + 1) * PIECE);
    reload(sluice, ({ pumps }) => {
      // Another configuration that writes the same: what it holds is compared with what was pushed.
      pumps.a!.timeout = 5 + (i % 2);
      if (i % 3 === 0) pumps.b = { type: "csv", meta: { csv_dir: b } };
      if (i % 3 === 2) delete pumps.b;
    });
    await Promise.all([pushing, sleep(100)]);
  }
  reload(sluice, ({ pumps }) => {
    pumps.b = { type: "csv", meta: { csv_dir: b } };
  });
  await sluice.drained(redis, ["a", "b"]);
  expect(sluice.output.match(/Reloaded: .*\ba replaced/g)?.length).toBeGreaterThan(0);
  expect(arrivals(numbersIn(a), COUNT)).toEqual({ missing: [], foreign: [], duplicates: 0 });
  // It came late: what had been swept before is not for it.
  expect(arrivals(numbersIn(b), COUNT)).toMatchObject({ foreign: [], duplicates: 0 });
  reload(sluice, ({ pumps }) => {
    delete pumps.b;
  });
  await until(
    async () => actors(sluice).join() === "a#0",
    () => `one actor to be left of ${actors(sluice)}`,
  );
  await sluice.ready();
});

test("a configuration that cannot be used is refused with its problems, and all goes on", async () => {
  const redis = await useRedis();
  const a = useFolder();
  const sluice = await useSluice({ redis, csv: { a } });
  await sluice.ready();
  const good = readFileSync(sluice.file, "utf8");
  writeFileSync(sluice.file, good.slice(0, -20));
  sluice.signal("SIGHUP");
  await said(sluice, /Not reloaded: The configuration has errors, and all goes on as it was/);
  writeFileSync(sluice.file, good);
  reload(sluice, ({ pumps }) => {
    pumps.a!.type = "unknown";
  });
  await said(sluice, /has the sink type[\s\S]*Not reloaded/);
  await push(redis.client, 0, 1000);
  await sluice.drained(redis, ["a"]);
  expect(arrivals(numbersIn(a), 1000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});

test("a SIGHUP while it starts neither ends it nor is lost: it reloads once it runs", async () => {
  const redis = await useRedis();
  // SIGUSR1 is the first that the command asks for.
  const early = `import { isMainThread } from "node:worker_threads";
    if (isMainThread) process.on("newListener", (name) => name === "SIGUSR1" && process.kill(process.pid, "SIGHUP"));`;
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(early)}` };
  const sluice = await useSluice({ redis, csv: { a: useFolder() }, env });
  await sluice.ready();
  await said(sluice, /Reloaded: 1 sink unchanged/);
});

test("what takes a restart is said, the rest is done; the password of Redis is changed in a pump that runs", async () => {
  const redis = await useRedis({ password: "old" });
  const a = useFolder();
  const sluice = await useSluice({ redis, csv: { a }, storage: { password: "old" } });
  await sluice.ready();
  await redis.client.config("SET", "requirepass", "new");
  reload(sluice, (conf) => {
    conf.analytics_storage_config.password = "new";
    conf.log_level = "info";
    conf.sluice.delivery = { poll: 70 };
  });
  await said(sluice, /Takes effect only after a restart: sluice.delivery/);
  await redis.client.auth("new");
  // What is open was signed in before: only a new connection shows that it has the new one.
  await redis.client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await push(redis.client, 0, 1000);
  await sluice.drained(redis, ["a"]);
  expect(sluice.output).not.toMatch(/SLUICE_LOG_AUTH/);
});

test("a sink that hangs is replaced within its time, its records are kept for its successor, and another goes on", async () => {
  const redis = await useRedis();
  const folder = useFolder();
  const sinks = {
    good: { type: "good", module: "good.ts" },
    bad: { type: "hangs-once", module: "misbehaving.ts" },
  } as const;
  const sluice = await useSluiceWith(redis, sinks, { folder, stopMs: 2000, delivery: { leaseMs: 600_000 } });
  await sluice.ready();
  await push(redis.client, 0, 1000);
  await sluice.drained(redis, ["good"]);
  const config = JSON.parse(readFileSync(sluice.file, "utf8")) as Config;
  const [good, bad] = config.sinks;
  const successor = { ...good!, name: bad!.name, config: { file: join(folder, "bad.out") } };
  writeFileSync(sluice.file, JSON.stringify({ ...config, sinks: [good, successor] }));
  sluice.signal("SIGHUP");
  await said(sluice, /Reloaded: bad replaced, 1 sink unchanged/);
  await sluice.drained(redis, ["good", "bad"], { seconds: 10 });
});

test("a file that is watched is reloaded when it changes", async () => {
  const redis = await useRedis();
  const [a, b] = [useFolder(), useFolder()];
  const sluice = await useSluice({ redis, csv: { a }, settings: { reload: { watch: true } } });
  await sluice.ready();
  const conf = JSON.parse(readFileSync(sluice.file, "utf8")) as PumpConf;
  conf.pumps.b = { type: "csv", meta: { csv_dir: b } };
  writeFileSync(sluice.file, JSON.stringify(conf));
  await said(sluice, /Reloaded: b started, 1 sink unchanged/);
  await push(redis.client, 0, 1000);
  await sluice.drained(redis, ["a", "b"]);
  expect(arrivals(numbersIn(b), 1000)).toEqual({ missing: [], foreign: [], duplicates: 0 });
});
