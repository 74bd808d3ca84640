import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { errorLine } from "../../core/cli/errors.ts";
import { LOCK_FILE, loadConfig } from "../../core/config/load.ts";
import { addPlugin } from "../../core/plugins/install.ts";
import { type PluginLock, parseLock, readLock } from "../../core/plugins/lock.ts";
import { TestPump } from "../support/pump.ts";
import { TestRegistry } from "../support/registry.ts";
import { packageOf } from "../support/tarball.ts";

const COMMAND = fileURLToPath(new URL("../../core/cli/sluice.js", import.meta.url));
const MODULES = fileURLToPath(new URL("../../node_modules", import.meta.url));

export interface Said {
  code: number | null;
  out: string;
  err: string;
}

/** An operator's machine: a folder with his configuration, a registry, the real command. */
export class House {
  readonly folder = mkdtempSync(join(tmpdir(), "sluice-house-"));
  readonly registry = new TestRegistry();

  async open(): Promise<void> {
    await this.registry.start();
  }

  async close(): Promise<void> {
    await this.registry.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  write(name: string, content: string | Uint8Array): string {
    const file = this.path(name);
    mkdirSync(join(file, ".."), { recursive: true });
    writeFileSync(file, content);
    return file;
  }

  /** One of test/plugins as a tarball, with these changes to its manifest. */
  example(name: string, file = `${name}.tgz`): string {
    return this.write(file, packageOf(fileURLToPath(new URL(name, import.meta.url))));
  }

  /** A package that is installed here, as the registry would have it. */
  publish(name: string, without: readonly string[] = []): void {
    const folder = join(MODULES, name);
    const { dependencies: _, ...manifest } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    this.registry.publish({ manifest, archive: packageOf(folder, ["node_modules", ...without]) });
  }

  /** `sluice <args>`, in the folder. */
  async sluice(...args: string[]): Promise<Said> {
    const { PATH, HOME } = process.env;
    const env = {
      PATH,
      HOME,
      npm_config_registry: this.registry.url,
      npm_config_cache: this.path("npm-cache"),
      npm_config_fetch_retries: "0",
    };
    const child = spawn(process.execPath, [COMMAND, ...args], {
      cwd: this.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said: Said = { code: null, out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (said.err += text));
    [said.code] = await once(child, "close");
    return said;
  }

  /** `sluice plugin add <what> --accept` in this process; what it fails with, else an empty text. */
  async add(what: string): Promise<string> {
    const options = { folder: this.path("sluice-plugins"), builtIn: readLock(LOCK_FILE), consent: async () => true };
    try {
      await addPlugin(what, this.folder, options);
      return "";
    } catch (error) {
      return errorLine(error, false);
    }
  }

  get lockText(): string {
    return readFileSync(this.path("sluice-plugins/plugins.lock.json"), "utf8");
  }

  get lock(): PluginLock {
    return parseLock(this.lockText, "plugins.lock.json");
  }

  writeLock(lock: PluginLock | string): void {
    this.write("sluice-plugins/plugins.lock.json", typeof lock === "string" ? lock : JSON.stringify(lock));
  }

  /** What `sluice start` would run on. */
  load(pumps: { [name: string]: { type: string; meta: object } }, sluice: object = {}) {
    this.write("pump.conf", JSON.stringify({ dont_purge_uptime_data: true, pumps, sluice }));
    return loadConfig({ cwd: this.folder, env: {} });
  }

  /** A pump with these sinks. */
  pump(pumps: { [name: string]: { type: string; meta: object } }): TestPump {
    return new TestPump({}, {}, this.load(pumps).config.sinks);
  }
}
