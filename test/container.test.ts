import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ROOT, read } from "./sources.ts";
import { firstOf } from "./support/booted.ts";
import { CouldNotRun } from "./support/could-not-run.ts";
import { guard } from "./support/guard.ts";
import { until } from "./support/pump.ts";
import { freePort } from "./support/redis.ts";
import { useFolder } from "./support/sluice.ts";

vi.setConfig({ testTimeout: 120_000 });

const MADE = "There is a root for it.";

/**
 * The last stage of the Dockerfile, its commands carried out and its process run as a container engine would: as its user, number 1 of
 * its own processes, without any capability, on a root that cannot be written. This machine's files are in the base image's place.
 */
const RUN_IMAGE = `set -e
folder=$1 node=$2 sluice=$3 run=$4 user=$5 place=$6
shift 6
mount -t tmpfs -o mode=0755 tmpfs $folder/machine
cd $folder/machine
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mkdir -p opt/sluice etc/sluice
mount --bind $sluice opt/sluice
mount -o remount,bind,ro opt/sluice
rm -f usr/local/bin/node usr/local/bin/sluice
touch usr/local/bin/node
mount --bind $node usr/local/bin/node
cp $folder/pump.conf etc/sluice
mount -t proc proc proc
mount --rbind /dev dev
echo "${MADE}"
chroot . sh -ec "$run"
mount -o remount,bind,ro .
mount -t tmpfs tmpfs tmp
for written in run/sluice var/lib/sluice; do mount -t tmpfs -o uid=$user,gid=$user,mode=0700 tmpfs $written; done
cd $folder/machine/root
exec chroot . setpriv --reuid=$user --regid=$user --clear-groups --bounding-set=-all --no-new-privs \
  sh -c 'cd "$1" && shift && exec "$@"' sh "$place" "$@"`;

/** The instructions of the last stage: what stands behind each word, in order. */
function lastStage(): Map<string, string[]> {
  const lines = read("deploy/container/Dockerfile")
    .replace(/^ *#.*\n/gm, "")
    .replace(/\\\n/g, " ")
    .split("\n")
    .filter(Boolean);
  const last = lines.slice(lines.findLastIndex((line) => line.startsWith("FROM")));
  const parts = last.map((line) => /^(\w+) +(.*)$/.exec(line)!);
  return new Map(
    [...Map.groupBy(parts, ([, word]) => word!)].map(([word, all]) => [word, all.map(([, , text]) => text!)]),
  );
}

interface Container {
  child: ChildProcess;
  output(): string;
  /** Its process 1, as it is numbered here. */
  first: number;
  /** A command in it, as its user: the exit code and what it said. */
  exec(...command: string[]): Promise<{ code: number; out: string }>;
}

async function useContainer(conf: object, variables: { [name: string]: string }): Promise<Container> {
  if (process.getuid?.() !== 0) throw new CouldNotRun("no right to make a container (root is needed)");
  const stage = lastStage();
  const one = (word: string) => stage.get(word)!.at(-1)!;
  const folder = useFolder();
  mkdirSync(join(folder, "machine"));
  writeFileSync(join(folder, "pump.conf"), JSON.stringify(conf));
  const [user] = one("USER").split(":");
  const env = {
    PATH: "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
    ...Object.fromEntries(
      one("ENV")
        .split(/ +/)
        .map((pair) => pair.split("=") as [string, string]),
    ),
    ...variables,
  };
  const args = [folder, process.execPath, ROOT, stage.get("RUN")!.join("\n"), user!, one("WORKDIR")];
  const command = [...JSON.parse(one("ENTRYPOINT")), ...JSON.parse(one("CMD"))];
  const own = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--uts", "--ipc"];
  const child = spawn("unshare", [...own, "sh", "-c", RUN_IMAGE, "run", ...args, ...command], { env, stdio: "pipe" });
  const unguard = guard(child.pid!);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    unguard();
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  await until(
    () => child.exitCode !== null || output.includes("## Sluice"),
    () => `it to start: ${output}`,
    60,
  );
  if (!output.includes(MADE)) throw new CouldNotRun(`no container can be made here: ${output.trim()}`);
  expect(child.exitCode, output).toBeNull();
  const first = firstOf(child.pid!)!;
  const exec: Container["exec"] = (...inside) =>
    new Promise((resolve) => {
      const within = ["-t", String(first), "-m", "-p", "-r", "-w", `-S${user}`, `-G${user}`, ...inside];
      execFile("nsenter", within, { env, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 255), out: `${stdout}${stderr}`.trimEnd() });
      });
    });
  return { child, output: () => output, first, exec };
}

test("the image's process runs as nobody special on a root that is read-only, is healthy, and stops at its signal", async () => {
  const conf = {
    dont_purge_uptime_data: true,
    pumps: { csv: { type: "csv", meta: { csv_dir: "/var/lib/sluice/csv" } } },
    sluice: { log: { engine: "disk", folder: "/var/lib/sluice/log" }, sinks: { csv: { isolate: true } } },
  };
  const { child, output, first, exec } = await useContainer(conf, {
    TYK_PMP_HEALTHCHECKENDPOINTPORT: String(await freePort()),
  });
  const status = () => exec("sluice", "daemon", "status", "-c", "/etc/sluice/pump.conf");
  await until(
    async () => (await status()).code === 0,
    () => `it to be ready: ${output()}`,
    60,
  );
  expect((await status()).out).toContain("is ready: process 1,");
  const health = lastStage()
    .get("HEALTHCHECK")!
    .at(-1)!
    .replace(/^.*? CMD /, "");
  expect(await exec(...JSON.parse(health))).toEqual({ code: 0, out: "" });
  for (const path of ["/x", "/opt/sluice/x", "/etc/sluice/x"])
    expect((await exec("touch", path)).out, path).toContain("Read-only file system");
  expect((await exec("id", "-u")).out).toBe("1000");
  const rights = (await exec("grep", "-E", "^(Cap(Prm|Eff|Bnd)|NoNewPrivs|Uid)", "/proc/1/status")).out;
  expect(rights.replace(/\s+/g, " ")).toBe(
    "Uid: 1000 1000 1000 1000 CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 0000000000000000 NoNewPrivs: 1",
  );
  process.kill(first, lastStage().get("STOPSIGNAL")!.at(-1)! as NodeJS.Signals);
  const [code] = await once(child, "exit");
  expect(code, output()).toBe(0);
  expect(output()).toMatch(/SIGTERM: stopping[\s\S]*Stopped in/);
});
