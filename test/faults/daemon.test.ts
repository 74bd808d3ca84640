import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { isAlive } from "../../core/daemon/process.ts";
import { CouldNotRun } from "../support/could-not-run.ts";
import { Machine } from "../support/daemon.ts";
import { owners, push } from "../support/gateway.ts";
import { until } from "../support/pump.ts";
import { freePort, NO_SERVER } from "../support/redis.ts";
import { useRedis } from "../support/sluice.ts";

// Each test starts a dozen commands.
vi.setConfig({ testTimeout: 180_000 });

/** `sluice daemon` with real processes. */
async function machine(conf: Parameters<Machine["configure"]>[0] = {}): Promise<Machine> {
  const made = new Machine();
  await made.configure(conf);
  return made;
}

test("its life: start, status, restart, logs, stop", async () => {
  const here = await machine();
  expect(await here.sluice("daemon", "status")).toMatchObject({ code: 3, out: "No daemon runs on pump.conf.\n" });
  const started = await here.start();
  expect(started).toMatchObject({ code: 0, err: "" });
  const first = here.state!;
  const { pid, log } = first;
  expect(started.out).toBe(`Sluice runs on pump.conf as process ${pid}; its log is ${log.file}\n`);

  await until(async () => (await here.sluice("daemon", "status")).code === 0, "its sink to be open");
  const status = JSON.parse((await here.sluice("daemon", "status", "--json")).out);
  expect(status).toMatchObject({
    state: "ready",
    kind: "daemon",
    pid,
    configuration: here.path("pump.conf"),
    logError: null,
  });
  expect(status.sinks).toMatchObject([{ name: "csv", ready: true, state: "open" }]);
  expect((await here.sluice("daemon", "logs", "-n", "1000")).out).toContain("Sluice, 0.");

  expect(await here.sluice("daemon", "start")).toEqual({
    code: 1,
    out: "",
    err: `sluice: error: A daemon runs on pump.conf already (process ${pid}): stop it first.\n`,
  });
  const restarted = await here.restart();
  expect(restarted).toMatchObject({ code: 0, err: "" });
  expect(restarted.out).toMatch(new RegExp(`^Process ${pid} has stopped in order, in .*\nSluice runs on pump.conf as`));
  expect(isAlive(first)).toBe(false);

  const stopped = await here.sluice("daemon", "stop");
  expect(stopped).toMatchObject({ code: 0, err: "" });
  expect(here.state).toBeNull();
  expect(globSync("run/*/*.pid", { cwd: here.folder })).toEqual([]);
  expect(await here.sluice("daemon", "stop")).toMatchObject({ code: 0, out: "No daemon runs on pump.conf.\n" });
  expect((await here.sluice("daemon", "logs")).out).toContain("Stopped in");
});

test("ten starts at once: exactly one runs", async () => {
  const here = await machine();
  const all = await Promise.all(Array.from({ length: 10 }, () => here.start("--timeout", "60")));
  const won = all.filter(({ code }) => code === 0);
  expect(won.map(({ err }) => err)).toEqual([""]);
  for (const { err } of all.filter((one) => one !== won[0])) expect(err).toMatch(/^sluice: error: A daemon runs on/);
  const { pid } = here.state!;
  expect(won[0]!.out).toContain(`process ${pid}`);
  // Nor has any other left a process behind.
  const { stdout } = spawnSync("ps", ["-eo", "pid,args"], { encoding: "utf8" });
  const daemons = stdout.split("\n").filter((line) => line.includes("daemon run") && line.includes(here.folder));
  expect(daemons.map((line) => Number.parseInt(line, 10))).toEqual([pid]);
});

test("an invalid configuration: each problem is said, nothing runs; a restart with one leaves the daemon as it was", async () => {
  const here = await machine();
  const good = readFileSync(here.path("pump.conf"), "utf8");
  await here.start();
  const daemon = here.state!;
  const bad = { log_level: "loud", health_check_endpoint_port: 99_999_999, pumps: { x: { type: "no-such-type" } } };
  here.write(JSON.stringify(bad));
  const restarted = await here.sluice("daemon", "restart");
  expect(restarted).toMatchObject({ code: 1, out: "" });
  for (const said of ["log_level must be", "health_check_endpoint_port must be", '"no-such-type"'])
    expect(restarted.err).toContain(said);
  expect(isAlive(daemon)).toBe(true);
  here.write(good);
  expect((await here.sluice("daemon", "stop")).code).toBe(0);

  here.write(JSON.stringify(bad));
  expect(await here.start()).toMatchObject({ code: 1, err: restarted.err });
  here.write("{");
  expect((await here.start()).err).toMatch(/pump\.conf:1:1: The file is not JSON(.|\n)*Not started/);
  rmSync(here.path("pump.conf"));
  expect(await here.start()).toEqual({
    code: 1,
    out: "",
    err: "sluice: error: Nothing is configured: name a configuration with -c.\n",
  });
  expect(here.state).toBeNull();
});

test("reload: it says what changes, and refuses what is invalid with each problem", async () => {
  const here = await machine();
  await here.start();
  const { pid } = here.state!;
  const conf = JSON.parse(readFileSync(here.path("pump.conf"), "utf8"));
  expect((await here.sluice("daemon", "reload")).out).toBe("Nothing of the sinks has changed.\n");
  conf.pumps.more = { type: "csv", meta: { csv_dir: here.path("more") } };
  here.write(JSON.stringify(conf));
  expect(await here.sluice("daemon", "reload")).toEqual({
    code: 0,
    out: "Sinks: started more.\nAs they were: csv.\n",
    err: "",
  });
  here.write(JSON.stringify({ ...conf, log_level: "loud" }));
  const refused = await here.sluice("daemon", "reload");
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toMatch(
    /log_level must be.*\nsluice: error: pump\.conf is not taken, and the pump goes on as it was/,
  );
  const json = JSON.parse((await here.sluice("daemon", "reload", "--json")).out);
  expect(json.error).toMatchObject({ code: "SLUICE_CONTROL_INVALID_CONFIGURATION" });
  expect(json.error.problems).toMatchObject([{ code: "SLUICE_CONFIG_BAD_VALUE" }]);
  expect(here.state!.pid).toBe(pid);
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
});

test("what ends the start is said in its own words", async () => {
  const here = await machine({ redis: await useRedis() });
  const server = createServer();
  const { health_check_endpoint_port: port } = JSON.parse(readFileSync(here.path("pump.conf"), "utf8"));
  await new Promise<void>((resolve) => server.listen(port, resolve));
  onTestFinished(() => void server.close());
  const said = await here.start();
  expect(said).toMatchObject({ code: 1, out: "" });
  expect(said.err).toMatch(new RegExp(`^sluice: error: .*${port}: the port is in use\\. .*\n$`));
  expect(said.err).not.toContain("level=");
  // Redis was there; only nobody waited for its answer.
  expect(said.err + (await here.sluice("daemon", "logs")).out).not.toContain("out of reach");
});

test("kill -9, then start: it runs again, and says how the last one ended", async () => {
  const here = await machine();
  await here.start();
  const state = here.state!;
  const first = state.pid;
  process.kill(first, "SIGKILL");
  await until(() => !isAlive(state), "its end");
  expect(await here.sluice("daemon", "status")).toMatchObject({
    code: 3,
    out: `No daemon runs on pump.conf: the last daemon (process ${first}) failed or was killed.\n`,
  });
  expect(await here.sluice("daemon", "stop")).toMatchObject({ code: 0, out: "No daemon runs on pump.conf.\n" });
  expect(await here.start()).toMatchObject({ code: 0, err: "" });
  expect(here.state!.pid).not.toBe(first);
  expect((await here.sluice("daemon", "stop", "--now")).out).toMatch(/^Process \d+ is killed\. Nothing is lost/);
  expect(await here.sluice("daemon", "status")).toMatchObject({ code: 3, out: "No daemon runs on pump.conf.\n" });
});

test("the files of a daemon that is gone, with the number of a process that is somebody else's: it is left alone", async () => {
  const here = await machine();
  await here.start();
  const state = here.state!;
  process.kill(state.pid, "SIGKILL");
  await until(() => !isAlive(state), "its end");
  const other = spawn("sleep", ["600"]);
  onTestFinished(() => void other.kill("SIGKILL"));
  const [file] = globSync("run/*/daemon.json", { cwd: here.folder });
  writeFileSync(here.path(file!), JSON.stringify({ ...state, pid: other.pid }));
  writeFileSync(here.path(dirname(file!), "sluice.pid"), `${other.pid}\n`);

  expect((await here.sluice("daemon", "status")).code).toBe(3);
  expect((await here.sluice("daemon", "stop")).out).toBe("No daemon runs on pump.conf.\n");
  expect(await here.start()).toMatchObject({ code: 0, err: "" });
  expect(here.state!.pid).not.toBe(other.pid);
  // Even with a daemon there, its files may be those of the one before.
  const real = readFileSync(here.path(file!), "utf8");
  writeFileSync(here.path(file!), JSON.stringify({ ...state, pid: other.pid }));
  expect((await here.sluice("daemon", "stop")).err).toBe(
    `sluice: error: The files of the daemon on pump.conf are gone: end it with "kill ${JSON.parse(real).pid}".\n`,
  );
  writeFileSync(here.path(file!), real);
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
  expect(other.exitCode ?? other.signalCode).toBeNull();
});

test("Redis is away: it runs and is not ready, and becomes it", async () => {
  const port = await freePort();
  const here = await machine({ redis: { host: "127.0.0.1", port } });
  const started = await here.start("--timeout", "5");
  expect(started.code).toBe(4);
  expect(started.out).toMatch(/is not ready after 5 seconds: the log is out of reach: .*\nIt goes on trying/);
  expect((await here.sluice("daemon", "status")).code).toBe(4);
  await useRedis({ port });
  await until(async () => (await here.sluice("daemon", "status")).code === 0, "that it is ready");
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
});

test("a sink that cannot open: it runs, is not ready, and start says why", async () => {
  const here = await machine();
  writeFileSync(here.path("csv"), "no folder");
  const started = await here.start("--timeout", "2");
  expect(started.code).toBe(4);
  expect(started.out).toMatch(/is not ready after 2 seconds: sink csv is \w+: .*csv_dir.*\nIt goes on trying/);
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
});

test("stop while a sink hangs: it ends in its time", async () => {
  const redis = await useRedis();
  const here = await machine({ redis, pumps: { stuck: { type: "stuck" } } });
  mkdirSync(here.path("stuck"));
  writeFileSync(here.path("stuck/package.json"), JSON.stringify(STUCK));
  writeFileSync(here.path("stuck/index.ts"), STUCK_CODE);
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), here.path("node_modules"));
  expect(await here.sluice("plugin", "link", "stuck", "--accept")).toMatchObject({ code: 0, err: "" });
  expect(await here.start()).toMatchObject({ code: 0 });
  await push(redis.client, 0, 1000);
  await until(async () => (await owners(redis.client, "stuck")).size > 0, "chunks in hand");
  const began = performance.now();
  const stopped = await here.sluice("daemon", "stop");
  expect(stopped).toMatchObject({ code: 0, err: "" });
  expect(stopped.out).toContain("has stopped in order");
  expect(performance.now() - began).toBeLessThan(2000 + 5000);
});

const STUCK = {
  name: "stuck",
  version: "1.0.0",
  type: "module",
  sluice: { api: 1, entry: "./index.ts", types: ["stuck"], permissions: {}, isolation: "worker", features: [] },
};
const STUCK_CODE = `import { defineSink, Type } from "@sluice/sdk";
export default defineSink({
  type: "stuck",
  config: Type.Object({}),
  open: async () => ({ write: () => new Promise(() => {}) }),
});
`;

test("a daemon that does not even react is killed after its time, which a reload may have changed, and says so", async () => {
  const here = await machine({ settings: { stop: 600_000 } });
  await here.start();
  const { pid } = here.state!;
  await here.configure({ settings: { stop: 100 } });
  expect(await here.sluice("daemon", "reload")).toMatchObject({ code: 0 });
  process.kill(pid, "SIGSTOP");
  const { code, out } = await here.sluice("daemon", "stop");
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`^Process ${pid} did not end within \\d+\\.\\d s and was killed\\. Nothing is lost`));
  expect((await here.sluice("daemon", "status")).out).toBe("No daemon runs on pump.conf.\n");
});

test("the folder of its log is deleted while it runs: it goes on, in a new one", async () => {
  const here = await machine();
  await here.configure({ settings: { daemon: { log_file: here.path("logs/sluice.log") } } });
  await here.start();
  const { log } = here.state!;
  expect(log.file).toBe(here.path("logs/sluice.log"));
  rmSync(here.path("logs"), { recursive: true });
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
  expect(readFileSync(log.file, "utf8")).toContain("SIGTERM: stopping");
});

test("its log is moved away as logrotate does: it begins another", async () => {
  const here = await machine();
  await here.start();
  const { file } = here.state!.log;
  renameSync(file, `${file}.moved`);
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
  expect(readFileSync(file, "utf8")).toContain("SIGTERM: stopping");
  expect(readFileSync(`${file}.moved`, "utf8")).not.toContain("SIGTERM: stopping");
});

test("the disk of its log is full: it goes on, says so, and writes what waited once there is room", async () => {
  const here = await machine();
  const disk = here.path("disk");
  mkdirSync(disk);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
  if (mounted.status !== 0) throw new CouldNotRun("no right to mount a small file system (root is needed)");
  onTestFinished(() => void spawnSync("umount", ["-l", disk]));
  // Of a log that is out of reach it says so again and again.
  await here.configure({ redis: NO_SERVER, settings: { daemon: { log_file: `${disk}/sluice.log` } } });
  expect((await here.start("--timeout", "1")).code).toBe(4);
  const daemon = here.state!;
  // The last page of the file would take what comes.
  const page = 4096;
  appendFileSync(daemon.log.file, `${"x".repeat(page - 1 - (statSync(daemon.log.file).size % page))}\n`);
  spawnSync("sh", ["-c", `cat /dev/zero > ${disk}/full`]);
  await until(() => here.state?.logError != null, "that it is noticed");
  expect((await here.sluice("daemon", "status")).out).toContain("Its log cannot be written for now: ENOSPC");
  expect(isAlive(daemon)).toBe(true);
  rmSync(`${disk}/full`);
  await until(() => here.state!.logError === null, "that it is over");
  expect(here.log).toContain("could not be written");
  expect(here.log).toContain("can be written again");
  expect((await here.sluice("daemon", "stop")).code).toBe(0);
});

test("what the runtime says when the process dies stands in the next log", async () => {
  const here = await machine();
  await here.start();
  const state = here.state!;
  const [words] = globSync("run/*/last-words", { cwd: here.folder });
  // As V8 writes it: past every logger, to standard error.
  spawnSync("sh", ["-c", `echo 'FATAL ERROR: Reached heap limit' >> ${here.path(words!)}`]);
  process.kill(state.pid, "SIGKILL");
  await until(() => !isAlive(state), "its end");
  expect((await here.sluice("daemon", "status")).out).toContain("was killed: FATAL ERROR: Reached heap limit");
  await here.start();
  expect(here.log).toContain("The daemon before said: FATAL ERROR: Reached heap limit");
});
