import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { COMMAND, Machine } from "../support/daemon.ts";
import { guard } from "../support/guard.ts";
import { startListener } from "../support/notify.ts";
import { until } from "../support/pump.ts";

test("as a service: it says that it runs, is well, reloads and stops, and feeds the watchdog", async () => {
  const here = new Machine();
  await here.configure();
  const { socket, heard, stop } = await startListener();
  onTestFinished(stop);
  const env = { ...here.env, NOTIFY_SOCKET: socket, WATCHDOG_USEC: "1000000" };
  const child = spawn(process.execPath, [COMMAND, "start"], { cwd: here.folder, env, stdio: "ignore" });
  const unguard = guard(child.pid!);
  onTestFinished(() => {
    child.kill("SIGKILL");
    unguard();
  });
  const hears = (wanted: RegExp) =>
    until(
      () => heard.some((line) => wanted.test(line)),
      () => `${wanted} among ${heard}`,
    );
  await hears(/^READY=1 STATUS=/);
  await hears(/STATUS=The sink takes records/);
  await hears(/^WATCHDOG=1/);
  const reload = heard.length;
  child.kill("SIGHUP");
  await hears(/^RELOADING=1 MONOTONIC_USEC=\d+/);
  await until(() => heard.slice(reload).some((line) => line.startsWith("READY=1")), "that it is ready again");
  child.kill("SIGTERM");
  const [code] = await once(child, "exit");
  expect(code).toBe(0);
  expect(heard.filter((line) => !line.startsWith("WATCHDOG")).at(-1)).toMatch(/^STOPPING=1/);
});
