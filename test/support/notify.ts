import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CouldNotRun } from "./could-not-run.ts";
import { guard } from "./guard.ts";

/** Perl is on every Debian; Node has no sockets of this kind. The barrier says only that a message has been read. */
const LISTEN = `use Socket; $| = 1;
socket(S, AF_UNIX, SOCK_DGRAM, 0) and bind(S, pack_sockaddr_un($ARGV[0])) or die $!;
print "listening\\n";
while (defined recv(S, $_, 65536, 0)) { s/\\n/ /g; print "$_\\n" unless /^BARRIER/ }`;

/** What listens in systemd's place. */
export interface Listener {
  /** For NOTIFY_SOCKET. */
  readonly socket: string;
  /** A message each, its variables on one line. */
  readonly heard: string[];
  stop(): void;
}

export async function startListener(): Promise<Listener> {
  for (const program of ["perl", "systemd-notify"]) {
    if (spawnSync(program, ["--version"]).error)
      throw new CouldNotRun(`${program} is missing; install systemd and perl`);
  }
  const folder = mkdtempSync(join(tmpdir(), "sluice-notify-"));
  const socket = join(folder, "notify");
  const heard: string[] = [];
  const child = spawn("perl", ["-e", LISTEN, socket], { stdio: ["ignore", "pipe", "inherit"] });
  const unguard = guard(child.pid!);
  await once(child.stdout.setEncoding("utf8"), "data");
  child.stdout.on("data", (text: string) => heard.push(...text.trimEnd().split("\n")));
  return {
    socket,
    heard,
    stop() {
      child.kill("SIGKILL");
      unguard();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
