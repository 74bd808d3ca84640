import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../sources.ts";
import { CouldNotRun } from "./could-not-run.ts";
import { guard } from "./guard.ts";
import { until } from "./pump.ts";

/**
 * Over this machine's files, of which it changes none: what it writes goes to memory. Its mounts and its control groups are its
 * own, so that the systemd of this machine, if there is one, sees nothing of it.
 */
const BOOT = `set -e
folder=$1 name=$2 node=$3 root=$4
for groups in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  [ -e $groups/cgroup.procs ] || continue
  mkdir $groups/$name
  echo $$ > $groups/$name/cgroup.procs
done
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=0755 tmpfs $folder/machine
cd $folder/machine
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cp -r $folder/files/. root
mkdir -p root/opt/sluice
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec systemd-nspawn -D root --machine=$name --register=no --keep-unit --private-network --resolv-conf=off --timezone=off \
  --link-journal=no --console=read-only --bind-ro=$node:/usr/bin/node --bind-ro=$root:/opt/sluice -b systemd.unit=started.target`;

/** No more than services need; whatever else this machine would start stays away. */
const STARTED = "[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\n";

export interface Said {
  code: number;
  out: string;
}

/** A machine of its own where systemd is process 1, Node is /usr/bin/node and this repository is /opt/sluice. */
export class Booted {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #name: string;
  readonly #unguard: () => void;
  #output = "";
  /** Of its process 1, as it is numbered here. */
  #first = 0;

  /** `files`: by their paths there. Throws CouldNotRun where this machine does not let another be. */
  static async boot(files: { [path: string]: string }): Promise<Booted> {
    if (process.getuid?.() !== 0) throw new CouldNotRun("no right to boot a machine with systemd (root is needed)");
    const booted = new Booted(files);
    try {
      await booted.#started();
    } catch (error) {
      await booted.stop();
      const said = booted.#output.trim().split("\n").slice(-3).join(" ");
      throw new CouldNotRun(`systemd does not boot here: ${said || error}; install systemd and systemd-container`);
    }
    return booted;
  }

  private constructor(files: { [path: string]: string }) {
    this.#folder = mkdtempSync(join(tmpdir(), "sluice-booted-"));
    this.#name = `sluice-${randomUUID().slice(0, 8)}`;
    mkdirSync(join(this.#folder, "machine"));
    const all = { ...files, "/etc/systemd/system/started.target": STARTED };
    for (const [path, text] of Object.entries(all)) write(join(this.#folder, "files", path), text);
    const args = [this.#folder, this.#name, process.execPath, ROOT];
    const unshared = ["--mount", "--propagation", "private", "sh", "-c", BOOT, "boot", ...args];
    this.#child = spawn("unshare", unshared, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child.on("error", (error) => (this.#output += error.message));
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#unguard = this.#child.pid === undefined ? () => {} : guard(this.#child.pid);
  }

  async #started(): Promise<void> {
    const isUp = async () => {
      if (this.#gone) throw new Error("it ended");
      this.#first ||= firstOf(this.#child.pid!) ?? 0;
      return this.#first > 0 && (await this.run("systemctl", "is-active", "started.target")).out === "active";
    };
    await until(isUp, "systemd to start", 90);
  }

  get #gone(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** A command in it, as root. */
  run(...command: string[]): Promise<Said> {
    return new Promise((resolve) => {
      const args = ["-t", String(this.#first), "-a", ...command];
      execFile("nsenter", args, { timeout: 120_000 }, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : 255;
        resolve({ code, out: `${stdout}${stderr}`.trimEnd() });
      });
    });
  }

  write(path: string, text: string): void {
    write(`/proc/${this.#first}/root${path}`, text);
  }

  /** Its first process and all with it are killed. */
  async stop(): Promise<void> {
    if (this.#first > 0) process.kill(this.#first, "SIGKILL");
    else this.#child.kill("SIGKILL");
    await until(() => this.#gone, "the machine to end");
    this.#unguard();
    const groups = `find /sys/fs/cgroup -depth -type d -path '*/${this.#name}*' -exec rmdir {} +`;
    await new Promise((resolve) => execFile("sh", ["-c", groups], resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** The process below this one that is number 1 where it lives. */
export function firstOf(pid: number): number | null {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
    const isFirst = (child: string) => /^NSpid:.*\t1$/m.test(readFileSync(`/proc/${child}/status`, "utf8"));
    return Number(children.find(isFirst) ?? 0) || null;
  } catch {
    return null;
  }
}
