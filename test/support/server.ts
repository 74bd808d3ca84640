import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { guard } from "./guard.ts";

const run = promisify(execFile);

/** What a database's test server is made of. */
export interface ServerPlan {
  /** For messages and the folder's name. */
  readonly name: string;
  /** Users that the server may run as: it refuses to run as root. */
  readonly users: readonly string[];
  /** Makes the data; run once. */
  readonly prepare: readonly string[];
  readonly command: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Resolves once it answers, rejects until then. */
  readonly ping: () => Promise<unknown>;
}

/** A real server in a folder of its own on a free port. */
export interface TestServer {
  readonly pid: number;
  /** Sends a signal and, unless it is one that stops or continues, waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts again on the same port and folder after a kill. */
  restart(): Promise<void>;
  /** Ends the server and removes the folder. */
  stop(): Promise<void>;
}

/** A folder that one of these users owns, and how to run as that user. Short: it holds a socket, whose path may have 107 bytes. */
export async function serverFolder(name: string, users: readonly string[]) {
  const folder = await mkdtemp(join("/tmp", `sluice-${name}-`));
  const owner = userInfo().uid === 0 ? await firstOf(users) : {};
  if (owner.uid !== undefined) await chown(folder, owner.uid, owner.gid!);
  return { folder, owner };
}

async function firstOf(users: readonly string[]): Promise<{ uid?: number; gid?: number }> {
  for (const user of users) {
    try {
      const [uid, gid] = await Promise.all(
        ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, user])).stdout)),
      );
      return { uid: uid!, gid: gid! };
    } catch {
      // The next one.
    }
  }
  throw new Error(`none of the users ${users.join(", ")} is on this machine`);
}

export async function startServer(
  plan: ServerPlan,
  { folder, owner }: Awaited<ReturnType<typeof serverFolder>>,
): Promise<TestServer> {
  const env = { ...process.env, ...plan.env };
  const options = { ...owner, env, cwd: folder };
  const [program, ...args] = plan.prepare;
  await run(program!, args, { ...options, maxBuffer: 1 << 24 });
  let child: ChildProcess;
  let unguard = () => {};
  const launch = async () => {
    const [server, ...flags] = plan.command;
    let said = "";
    child = spawn(server!, flags, { ...options, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
    unguard = guard(child.pid!);
    while (child.exitCode === null && child.signalCode === null) {
      try {
        await plan.ping();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }
    throw new Error(`${plan.name} ended before it answered:\n${said}`);
  };
  const kill = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") return;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    unguard();
  };
  await launch();
  return {
    get pid() {
      return child.pid!;
    },
    kill,
    restart: launch,
    async stop() {
      await kill("SIGKILL");
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The first of these that is there; names are looked for in the folders of the system, globs as they are. */
export function findProgram(...candidates: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/usr/local/sbin"].filter(Boolean);
  for (const candidate of candidates) {
    if (candidate.includes("/")) {
      const found = globSync(candidate).sort().at(-1);
      if (found) return found;
      continue;
    }
    const folder = folders.find((one) => existsSync(join(one, candidate)));
    if (folder) return join(folder, candidate);
  }
  return undefined;
}
