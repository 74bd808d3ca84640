/**
 * Makes a fresh checkout ready, and costs next to nothing when it is: installs the packages when they are missing or the
 * lock has changed. With --servers also what the tests run against. Plain JavaScript without dependencies: it runs before
 * anything is installed, on the machine's own, perhaps older Node.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stamp = join(modules, ".sluice-lock-hash");

installPackages();
if (process.argv.includes("--servers")) installServers();

function installPackages() {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const hash = createHash("sha256").update(lock).digest("hex");
  if (readIfThere(stamp) === hash) return;
  if (!isInstalled(JSON.parse(lock))) {
    process.stderr.write("Installing packages...\n");
    // Not with the Node inside node_modules, which is about to be replaced.
    const path = searchPath().filter((folder) => !folder.endsWith(join("node_modules", ".bin")));
    const { status } = run("npm", ["ci", "--no-audit", "--no-fund"], { PATH: path.join(delimiter) });
    if (status !== 0) process.exit(1);
  }
  writeFileSync(stamp, hash);
}

/** Whether what npm says it installed is what the lock asks for: somebody ran npm by hand. */
function isInstalled(lock) {
  const text = readIfThere(join(modules, ".package-lock.json"));
  if (text === undefined) return false;
  const installed = JSON.parse(text).packages;
  return Object.entries(lock.packages).every(([path, wanted]) => {
    if (!path.startsWith("node_modules/")) return true;
    const found = installed[path];
    return found === undefined
      ? wanted.optional === true
      : found.version === wanted.version && existsSync(join(root, path));
  });
}

/** What the tests run against, as Debian packages; a program of each shows that it is there. */
function testServers() {
  return [
    { name: "redis-server", program: "redis-server", what: "Redis 5 or later" },
    { name: "postgresql", program: "/usr/lib/postgresql", what: "PostgreSQL" },
    { name: "mariadb-server", program: "mariadbd", what: "MariaDB" },
    { name: "systemd", program: "systemd-analyze", what: "systemd" },
    { name: "systemd-container", program: "systemd-nspawn", what: "systemd-nspawn" },
    { name: "chromium", program: "chromium", what: "Chromium" },
    { name: "tmux", program: "tmux", what: "tmux" },
  ];
}

/** Where one cannot be installed, the tests that need it say so by name. */
function installServers() {
  const missing = testServers().filter(({ program }) => !isThere(program));
  if (missing.length === 0) return;
  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot ? [] : ["sudo", "-n"];
  if (!isThere("apt-get") || !(isRoot || isThere("sudo")))
    return sayMissing(missing, "there is no apt-get or no right to use it");
  const names = missing.map(({ name }) => name);
  process.stderr.write(`Installing ${names.join(", ")} for the tests...\n`);
  // RUNLEVEL=1: the packages do not start servers of their own.
  const apt = [...sudo, "env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"];
  const install = (wanted) =>
    spawnSync(apt[0], [...apt.slice(1), "install", "-y", "--no-install-recommends", ...wanted], { stdio: "ignore" })
      .status === 0;
  if (install(names)) return;
  spawnSync(apt[0], [...apt.slice(1), "update"], { stdio: "ignore" });
  const failed = missing.filter(({ name }) => !install([name]));
  if (failed.length > 0) sayMissing(failed, "apt-get could not install it");
}

function sayMissing(missing, why) {
  for (const { name, what } of missing) {
    process.stderr.write(`${name} is missing and ${why}. Install ${what} to run the tests that need it.\n`);
  }
}

/** Runs quietly; all output is shown if it fails. */
function run(command, args, env) {
  const result = spawnSync(command, args, { cwd: root, env: { ...process.env, ...env }, encoding: "utf8" });
  if (result.status === 0) return result;
  process.stderr.write(`${result.stdout ?? ""}${result.stderr ?? ""}`);
  process.stderr.write(`${command} ${args.join(" ")} failed${result.error ? `: ${result.error.message}` : ""}\n`);
  return result;
}

function readIfThere(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** A program on the path (where servers lie, too), or a folder. */
function isThere(program) {
  if (program.startsWith(sep)) return existsSync(program);
  return [...searchPath(), "/usr/sbin"].some((folder) => {
    try {
      accessSync(`${folder}${sep}${program}`, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function searchPath() {
  return (process.env.PATH ?? "").split(delimiter).filter(Boolean);
}
