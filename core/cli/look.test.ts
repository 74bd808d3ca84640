import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { CouldNotRun } from "../../test/support/could-not-run.ts";
import { until } from "../../test/support/pump.ts";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import type { Control } from "../control/control.ts";
import { fakeControl } from "../control/fake-control.ts";
import { fakeProfile } from "../control/fake-profile.ts";
import { flameOf } from "../control/flame.ts";
import { instanceOf } from "../control/instance.ts";
import { serveControl } from "../control/socket.ts";
import { flamePage } from "./flame-page.ts";

const COMMAND = fileURLToPath(new URL("./sluice.js", import.meta.url));

interface Scene {
  folder: string;
  socket: string;
  asked: unknown[][];
}

/** A pump that does nothing, on a socket of its own. */
async function served(change: Partial<Control> = {}): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-look-"));
  const { control, asked } = fakeControl(change);
  const instance = instanceOf("/etc/pump.conf", { SLUICE_RUN_DIR: join(folder, "run") });
  const server = await serveControl(control, instance, { error: () => {} });
  onTestFinished(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, socket: instance.socket, asked };
}

/** One command to its end. */
async function sluice({ folder, socket }: Scene, ...args: string[]) {
  const child = spawn(process.execPath, [COMMAND, ...args, "--socket", socket], {
    cwd: folder,
    env: { PATH: process.env.PATH, SLUICE_RUN_DIR: join(folder, "none") },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

describe("sluice profile", () => {
  const profile: Control["profile"] = async (sink, seconds, cpu) =>
    fakeProfile({ sink, seconds, ...(!cpu && { cpu: null }) });

  test("prints where the time went, and writes the profile and a page that needs no network", async () => {
    const scene = await served({ profile });
    const { code, output } = await sluice(scene, "profile", "csv", "--seconds", "3", "--out", "out");
    expect(output).toContain("csv (csv): @sluice/plugin-csv 1.0.0, 1 actor in a thread, 3.0 s");
    expect(output).toMatch(/^waiting for the back end {2}#{18}\.{12} +60\.0 % {2}1\.8 s$/m);
    expect(output).toMatch(/^ +75\.0 % +75\.0 % {2}encodePage +plugins\/csv\/index\.ts:42$/m);
    expect(code).toBe(0);
    const files = readdirSync(join(scene.folder, "out")).sort();
    expect(files).toEqual([expect.stringMatching(/^csv-\d{8}-\d{6}\.cpuprofile$/), expect.stringMatching(/\.html$/)]);
    const [raw, page] = files.map((file) => readFileSync(join(scene.folder, "out", file), "utf8"));
    expect(JSON.parse(raw!).nodes).toHaveLength(3);
    expect(page).not.toMatch(/(?:src|href)\s*=|https?:|@import|url\(/i);
    expect(page!.match(/<\/script>/g)).toHaveLength(2);
  });

  test("a plugin's names are text on the page, whatever they hold", async () => {
    const { cpu } = fakeProfile({});
    const evil = "</script><img src=x onerror=alert(1)>$&";
    const profile = fakeProfile({ sink: evil, cpu: { ...cpu!, profile: cpu!.profile.replace("encodePage", evil) } });
    const page = flamePage(profile, flameOf(profile.cpu!.profile, []));
    expect(page.match(/<\/script>/g)).toHaveLength(2);
    expect(page).not.toContain("<img");
    expect(page).toContain("onerror=alert(1)>$&");
  });

  test("--json is for programs, --no-cpu writes nothing", async () => {
    const scene = await served({ profile });
    const all = JSON.parse((await sluice(scene, "profile", "csv", "--json")).output);
    expect(all).toMatchObject({ sink: "csv", seconds: 10, cpu: { actor: 0, kindsUs: { plugin: 3000 } } });
    expect(all.files).toHaveLength(2);
    const { code, output } = await sluice(scene, "profile", "csv", "--no-cpu", "--json", "--out", "none");
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ cpu: null, files: [] });
    expect(readdirSync(scene.folder)).not.toContain("none");
  });

  test("--all compares, and names the bottleneck", async () => {
    const sinks = [fakeProfile({ sink: "csv" }), fakeProfile({ sink: "sql", lagAfter: 9000 })];
    const bottleneck = {
      sink: "sql",
      is: "back end" as const,
      why: "It waits for its back end.",
      help: "Make it faster.",
    };
    const supervisor = { busyShare: 0.12, cpuShare: 0.1 };
    const scene = await served({ profileAll: async () => ({ sinks, bottleneck, supervisor }) });
    const { code, output } = await sluice(scene, "profile", "--all", "--seconds", "1");
    expect(code).toBe(0);
    expect(output).toMatch(/^sink +records\/s +bytes\/s +behind/m);
    expect(output).toMatch(/^sql .* 9,000 /m);
    expect(output).toContain("sql is the bottleneck. It waits for its back end.\nMake it faster.\n");
  });

  test("what an actor forged as its profile is told, not shown", async () => {
    const cpu = { actor: 0, seconds: 1, profile: "</script><script>", host: [] };
    const scene = await served({ profile: async () => fakeProfile({ cpu }) });
    const { code, output } = await sluice(scene, "profile", "csv");
    expect(code).toBe(0);
    expect(output).toContain("Note: No CPU profile: what the actor gave is none.");
  });

  test("ends on the other side as well when the command is interrupted", async () => {
    let signal: AbortSignal | undefined;
    const scene = await served({
      profile: (_sink, _seconds, _cpu, gone) => {
        signal = gone;
        return new Promise(() => {});
      },
    });
    const child = spawn(process.execPath, [COMMAND, "profile", "csv", "--socket", scene.socket], { cwd: scene.folder });
    onTestFinished(() => void child.kill("SIGKILL"));
    await until(() => signal !== undefined, "the profile to begin");
    child.kill("SIGINT");
    await until(() => signal!.aborted, "the profile to end");
  });

  test("wrong command lines and sinks are told in a line", async () => {
    const scene = await served();
    for (const args of [["profile"], ["profile", "csv", "--all"], ["profile", "csv", "--seconds", "121"]]) {
      const { code, output } = await sluice(scene, ...args);
      expect(code).toBe(2);
      expect(output).toMatch(/^sluice: .*\n$/);
    }
    const { code, output } = await sluice({ ...scene, socket: join(scene.folder, "no.sock") }, "profile", "csv");
    expect(code).toBe(1);
    expect(output).toMatch(/^sluice: error: No pump runs on .*\n$/);
  });
});

describe("sluice top", () => {
  test("prints a table once without a terminal, and one snapshot as JSON", async () => {
    const scene = await served();
    const { code, output } = await sluice(scene, "top");
    expect(code).toBe(0);
    expect(output).toMatch(/^sink\* +state .*\ncsv +open /m);
    expect(output).not.toContain("\x1b");
    expect(JSON.parse((await sluice(scene, "top", "--json")).output)).toMatchObject({
      about: { pid: 42 },
      status: { sinks: [{ name: "csv" }] },
    });
  });

  test("on a terminal: keys, another size, an answer that fails, and all is left as it was", async () => {
    if (spawnSync("tmux", ["-V"]).status !== 0) throw new CouldNotRun("tmux is missing");
    let fails = false;
    const status = () => {
      if (fails) throw new Error("no status today");
      return fakeStatus([fakeSink("csv", { reason: "evil\x1b[2Jreason" })]);
    };
    const scene = await served({ status, profile: async () => fakeProfile({}) });
    const terminal = openTerminal(scene, `top --socket ${scene.socket}`);
    await terminal.shows(/^csv +open /m);
    await terminal.shows(/evil \[2Jreason/);
    await terminal.shows(/q quit/);

    terminal.type("u");
    await until(() => scene.asked.some(([what, sink]) => what === "suspend" && sink === "csv"), "u to suspend");
    await terminal.shows(/csv is suspended/);
    terminal.type("r");
    await until(() => scene.asked.some(([what, sink]) => what === "resume" && sink === "csv"), "r to resume");
    terminal.type("Enter");
    await terminal.shows(/^Actors$/m);
    terminal.type("p");
    await terminal.shows(/waiting for the back end +#/);
    terminal.type("Escape");
    terminal.resize(50, 12);
    await terminal.shows(/^csv +open .* 0 %$/m);
    fails = true;
    await terminal.shows(/That failed/);
    terminal.type("q");
    await terminal.shows(/^before\nended 0$/m);
    expect(terminal.mode()).toBe("1 0");
  });

  test("a signal leaves the terminal as it was", async () => {
    if (spawnSync("tmux", ["-V"]).status !== 0) throw new CouldNotRun("tmux is missing");
    const scene = await served();
    const terminal = openTerminal(scene, `top --socket ${scene.socket} & echo $! > pid; fg`);
    await terminal.shows(/^csv +open /m);
    process.kill(Number(readFileSync(join(scene.folder, "pid"), "utf8")), "SIGTERM");
    await terminal.shows(/^ended 143$/m);
    expect(terminal.mode()).toBe("1 0");
  });
});

/** A real terminal that runs a command. */
function openTerminal({ folder }: Scene, command: string) {
  mkdirSync(join(folder, "tmux"), { mode: 0o700 });
  const env = { PATH: process.env.PATH, TMUX_TMPDIR: join(folder, "tmux"), HOME: folder, LANG: "C.UTF-8" };
  const tmux = (...args: string[]) =>
    spawnSync("tmux", ["-f", "/dev/null", ...args], { cwd: folder, env, encoding: "utf8" });
  onTestFinished(() => void tmux("kill-server"));
  const shell = `set -m; echo before; ${process.execPath} ${COMMAND} ${command}; echo ended $?; sleep 60`;
  tmux("new-session", "-d", "-x", "110", "-y", "30", `bash -c '${shell}'`);
  const screen = () => tmux("capture-pane", "-p").stdout.replace(/ +$/gm, "");
  return {
    type: (key: string) => tmux("send-keys", key),
    resize: (columns: number, rows: number) => tmux("resize-window", "-x", String(columns), "-y", String(rows)),
    shows: (what: RegExp) =>
      until(
        () => what.test(screen()),
        () => `the terminal to show ${what}:\n${screen()}`,
      ),
    /** Whether the cursor is seen, and whether the alternate screen is in use. */
    mode: () => tmux("display-message", "-p", "#{cursor_flag} #{alternate_on}").stdout.trim(),
  };
}
