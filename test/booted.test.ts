import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { read } from "./sources.ts";
import { Booted } from "./support/booted.ts";
import { until } from "./support/pump.ts";

/** The unit of deploy/systemd under a systemd that is process 1, on a machine of its own. */
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

const CONF = "/etc/sluice/pump.conf";
const SECRET = "hunter2-which-nobody-may-see";
/** A plugin in a process of its own is what the unit's restrictions could be too much for. */
const conf = (meta: object) =>
  JSON.stringify({
    dont_purge_uptime_data: true,
    pumps: { csv: { type: "csv", meta } },
    sluice: {
      log: { engine: "disk", folder: "/var/lib/sluice/log" },
      sinks: { csv: { isolate: true } },
    },
  });
const GOOD = conf({ csv_dir: "/var/lib/sluice/csv" });

let machine: Booted;

beforeAll(async () => {
  machine = await Booted.boot({
    "/etc/systemd/system/sluice.service": read("deploy/systemd/sluice.service"),
    [CONF]: GOOD,
    "/etc/sluice/environment": `TYK_PMP_ANALYTICSSTORAGECONFIG_PASSWORD=${SECRET}\nTYK_PMP_HEALTHCHECKENDPOINTPORT=18083\n`,
  });
  await machine.run("chmod", "600", "/etc/sluice/environment");
});
afterAll(() => machine?.stop());

async function shown(property: string): Promise<string> {
  return (await machine.run("systemctl", "show", "sluice", "--property", property, "--value")).out;
}

async function journal(): Promise<string> {
  return (await machine.run("journalctl", "-u", "sluice", "-o", "cat", "--no-pager")).out;
}

async function open(): Promise<void> {
  await until(async () => (await shown("StatusText")) === "The sink takes records", "its sink to be open", 60);
}

async function begin(): Promise<number> {
  machine.write(CONF, GOOD);
  expect(await machine.run("systemctl", "restart", "sluice")).toEqual({ code: 0, out: "" });
  await open();
  return Number(await shown("MainPID"));
}

test("it is active once the pump runs, reloads with a result, stops in order, and writes nowhere else", async () => {
  const pid = await begin();
  expect(await shown("ActiveState")).toBe("active");
  expect(await journal()).toContain("http://localhost:18083/health");

  // As its user it owns its folders, and nothing else can be written, not even by root in its place.
  const inItsPlace = (...command: string[]) => machine.run("nsenter", "-t", String(pid), "-m", ...command);
  for (const path of ["/etc/x", "/usr/x", "/opt/sluice/x", "/var/x"])
    expect((await inItsPlace("touch", path)).out, path).toContain("Read-only file system");
  const owners = (await inItsPlace("stat", "-L", "-c", "%U %n", "/etc/sluice", "/var/lib/sluice", "/run/sluice")).out;
  expect(owners).toBe("root /etc/sluice\nsluice /var/lib/sluice\nsluice /run/sluice");
  expect((await machine.run("cat", `/proc/${pid}/limits`)).out).toMatch(/Max core file size +0 +0/);

  // What the page of operating says: root sees the sinks, somebody else is refused.
  const status = "exec node /opt/sluice/core/cli/sluice.js daemon status --socket /run/sluice/*/control.sock";
  expect(await machine.run("sh", "-c", status)).toMatchObject({ code: 0, out: expect.stringMatching(/^csv +open/m) });
  const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  expect((await machine.run(...nobody, "ls", "/run/sluice")).out).toContain("Permission denied");

  machine.write(CONF, conf({ csv_dir: "/var/lib/sluice/other" }));
  expect(await machine.run("systemctl", "reload", "sluice")).toEqual({ code: 0, out: "" });
  expect(await journal()).toContain("Sinks: replaced csv.");
  machine.write(CONF, "{");
  expect((await machine.run("systemctl", "reload", "sluice")).code).toBe(1);
  expect(await journal()).toContain("is not taken, and the pump goes on as it was");
  expect([await shown("ActiveState"), await shown("MainPID")]).toEqual(["active", String(pid)]);

  expect((await machine.run("systemctl", "stop", "sluice")).code).toBe(0);
  expect([await shown("ActiveState"), await shown("Result"), await shown("ExecMainStatus")]).toEqual([
    "inactive",
    "success",
    "0",
  ]);
  const all = await journal();
  expect(all).toMatch(/Stopped in \d/);
  expect(all).not.toContain(SECRET);
});

test("one that stands still is started anew by the watchdog, and leaves no image of its memory", async () => {
  machine.write("/etc/systemd/system/sluice.service.d/soon.conf", "[Service]\nWatchdogSec=5\n");
  await machine.run("systemctl", "daemon-reload");
  const pid = await begin();
  const before = Number(await shown("NRestarts"));
  await machine.run("kill", "-STOP", String(pid));
  await until(async () => Number(await shown("NRestarts")) > before, "the watchdog", 60);
  expect(await journal()).toContain("Watchdog timeout");
  await until(async () => (await shown("ActiveState")) === "active", "that it is active again", 60);
  await open();
  expect(Number(await shown("MainPID"))).not.toBe(pid);
  expect(await journal()).not.toMatch(/dumped core|core-dump/);
});
