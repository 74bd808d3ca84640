import { spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { isAlive } from "../../core/daemon/process.ts";
import type { DaemonState } from "../../core/daemon/state.ts";
import { guard } from "./guard.ts";
import { freePort } from "./redis.ts";
import { useFolder } from "./sluice.ts";

export const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

/** A machine with a configuration in a folder of its own; whatever runs there ends with the test. */
export class Machine {
  readonly folder = useFolder();

  /** `sinks` and `settings` as in pump.conf; without a Redis the log is on disk. */
  async configure({ redis, pumps, settings = {} }: MachineConf = {}): Promise<void> {
    const health_check_endpoint_port = await freePort();
    const conf = {
      health_check_endpoint_port,
      dont_purge_uptime_data: true,
      pumps: pumps ?? { csv: { type: "csv", meta: { csv_dir: this.path("csv") } } },
      ...(redis && { analytics_storage_config: { type: "redis", host: redis.host, port: redis.port } }),
      sluice: {
        stop: 2000,
        ...(redis ? { delivery: { lease: 1000, poll: 50 } } : { log: { engine: "disk", folder: this.path("log") } }),
        ...settings,
      },
    };
    this.write(JSON.stringify(conf));
  }

  write(text: string): void {
    writeFileSync(this.path("pump.conf"), text);
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** `sluice <args>` in the folder. */
  async sluice(...args: string[]): Promise<Said> {
    const child = spawn(process.execPath, [COMMAND, ...args], { cwd: this.folder, env: this.env, stdio: "pipe" });
    const unguard = guard(child.pid!);
    const said: Said = { code: null, out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    child.stdin.end();
    [said.code] = await once(child, "close");
    unguard();
    return said;
  }

  /** `sluice daemon start`; what it starts ends with the test. */
  async start(...args: string[]): Promise<Said> {
    return this.#begin("start", args);
  }

  /** `sluice daemon restart`, in the same way. */
  async restart(): Promise<Said> {
    return this.#begin("restart", []);
  }

  async #begin(command: string, args: readonly string[]): Promise<Said> {
    const said = await this.sluice("daemon", command, ...args);
    const state = this.state;
    if (state !== null) {
      const unguard = guard(state.pid);
      onTestFinished(() => {
        unguard();
        if (isAlive(state)) process.kill(state.pid, "SIGKILL");
      });
    }
    return said;
  }

  /** What the daemon says of itself; null: none runs, or ran and was stopped. */
  get state(): DaemonState | null {
    const [file] = globSync("run/*/daemon.json", { cwd: this.folder });
    return file === undefined ? null : JSON.parse(readFileSync(this.path(file), "utf8"));
  }

  get log(): string {
    return readFileSync(this.state!.log.file, "utf8");
  }

  /** Of the commands. */
  get env(): NodeJS.ProcessEnv {
    const { PATH, HOME } = process.env;
    return { PATH, HOME, SLUICE_RUN_DIR: this.path("run") };
  }
}

export interface MachineConf {
  redis?: { host: string; port: number };
  pumps?: { [name: string]: object };
  settings?: object;
}
