import { globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { isAlive } from "../../core/daemon/process.ts";
import { Machine } from "../support/daemon.ts";
import { isDrained, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { freePort } from "../support/redis.ts";
import { useRedis } from "../support/sluice.ts";

// A dozen commands.
vi.setConfig({ testTimeout: 180_000 });

const SINK = "hunter2-of-the-sink";
const REDIS = "hunter2-of-redis";
const TOKEN = "hunter2-of-the-console";

/** A plugin that means no harm, and tells its password with whatever it says. */
const LEAKY = {
  name: "leaky",
  version: "1.0.0",
  type: "module",
  sluice: { api: 1, entry: "./index.ts", types: ["leaky"], permissions: {}, isolation: "worker", features: [] },
};
const LEAKY_CODE = `import { defineSink, Retryable, Type } from "@sluice/sdk";
export default defineSink({
  type: "leaky",
  config: Type.Object({ password: Type.String({ secret: true }), rejects: Type.Boolean({ default: false }) }),
  async open({ config: { password, rejects }, log }) {
    log.info("signing in as sluice with " + password, { password, dsn: "db://sluice:" + password + "@db/analytics" });
    return {
      async write(batch, call) {
        if (!rejects) throw new Retryable("the server refuses sluice with " + password);
        for (const record of batch) call.reject(record, "the table of " + password + " has no such column");
      },
    };
  },
});
`;

test("secrets stand in no log, status, profile, metric, dead letter, console, argument or last word", async () => {
  const redis = await useRedis({ password: REDIS });
  const here = new Machine();
  const [health, port] = [await freePort(), await freePort()];
  const meta = { password: SINK };
  here.write(
    JSON.stringify({
      health_check_endpoint_port: health,
      dont_purge_uptime_data: true,
      log_level: "debug",
      analytics_storage_config: { type: "redis", host: redis.host, port: redis.port, password: REDIS },
      pumps: { fails: { type: "leaky", meta }, rejects: { type: "leaky", meta: { ...meta, rejects: true } } },
      sluice: { delivery: { poll: 50 }, stop: 2000, console: { port, token: TOKEN } },
    }),
  );
  mkdirSync(here.path("leaky"));
  writeFileSync(here.path("leaky/package.json"), JSON.stringify(LEAKY));
  writeFileSync(here.path("leaky/index.ts"), LEAKY_CODE);
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), here.path("node_modules"));
  expect(await here.sluice("plugin", "link", "leaky", "--accept")).toMatchObject({ code: 0 });
  expect(await here.start()).toMatchObject({ code: 0 });
  const daemon = here.state!;
  await push(redis.client, 0, 50);
  await until(() => isDrained(redis.client, ["rejects"]), "the dead letters");
  const said = new Map<string, string>();
  const get = async (url: string) => (await fetch(url, { headers: { Authorization: `Bearer ${TOKEN}` } })).text();
  const address = `http://127.0.0.1:${health}`;
  await until(async () => (await get(`${address}/readyz`)).includes("refuses sluice with"), "the failure to be known");

  for (const path of ["readyz", "livez", "health", "metrics"]) said.set(path, await get(`${address}/${path}`));
  for (const path of ["status", "about", "letters", "sinks/fails/profile?seconds=1&cpu=true"])
    said.set(`console ${path}`, await get(`http://127.0.0.1:${port}/v1/${path}`));
  const commands = [
    ["daemon", "status", "--json"],
    ["dlq", "list", "--json"],
    ["profile", "fails", "--seconds", "1", "--json"],
    ["check"],
    ["config", "print"],
  ];
  for (const args of commands) {
    const { out, err } = await here.sluice(...args, ...(args[0] === "daemon" ? [] : ["-c", "pump.conf"]));
    said.set(args.join(" "), out + err);
  }
  said.set("arguments", readFileSync(`/proc/${daemon.pid}/cmdline`, "utf8"));
  // As when the runtime gives up: what it says last stands in the log of the next.
  process.kill(daemon.pid, "SIGABRT");
  await until(() => !isAlive(daemon), "its end");
  said.set("status of a dead daemon", (await here.sluice("daemon", "status")).out);
  expect(await here.start()).toMatchObject({ code: 0 });
  said.set("log", here.log);
  for (const file of globSync("run/*/{daemon.json,sluice.pid,last-words}", { cwd: here.folder }))
    said.set(file, readFileSync(here.path(file), "utf8"));
  expect((await here.sluice("daemon", "stop")).code).toBe(0);

  expect(said.get("console letters")).toContain("has no such column");
  expect(said.get("log")).toContain("signing in as sluice with ***");
  const leaks = [...said].flatMap(([where, text]) =>
    [...text.matchAll(/.{0,60}hunter2[\w-]*/g)].map(([found]) => `${where}: ${found}`),
  );
  expect(leaks).toEqual([]);
});
