import { spawn } from "node:child_process";
import { PluginError } from "./errors.ts";
import { ARCHIVE_LIMITS } from "./tarball.ts";

const PATIENCE_MS = 120_000;
const LARGEST_OUTPUT = 4 << 20;

/** What never belongs to getting a plugin: its scripts, advice, and files outside of where it is told to work. */
const FLAGS = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error"];

/** No file that npm writes may be larger than an archive that is taken, wherever it writes: an answer may have no end. */
const LAUNCH = `ulimit -f ${ARCHIVE_LIMITS.packed / 512} && exec npm "$@"`;
const NOT_FOUND = 127;

/**
 * Runs the npm at hand in `cwd`, with its own configuration: registries, credentials and proxies are npm's business. Gives its output.
 * Throws PluginError with what it said last.
 */
export async function runNpm(args: readonly string[], cwd: string): Promise<string> {
  const program = ["-c", LAUNCH, "sh", ...FLAGS, ...args];
  const child = spawn("/bin/sh", program, { cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let complaint = "";
  let why = "";
  const stop = (reason: string) => {
    why ||= reason;
    // npm's children too.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  };
  const timer = setTimeout(stop, PATIENCE_MS, `it took longer than ${PATIENCE_MS / 1000} s`);
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    if (output.length > LARGEST_OUTPUT) stop("it said too much");
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-20_000);
  });
  const code = await new Promise<number | null>((resolve) => {
    child.on("error", (error) => {
      why = error.message;
      resolve(null);
    });
    child.on("close", resolve);
  });
  if (code === NOT_FOUND) why ||= "npm is not installed; install it";
  clearTimeout(timer);
  if (code === 0 && !why) return output;
  const said = why || complaintOf(complaint) || `it ended with ${code}`;
  throw new PluginError("SLUICE_PLUGIN_FETCH", `npm could not ${args[0]}: ${said}`);
}

/** `npm error code E404`, `npm error 404 ...`: the lines that say something, without the path of the log. */
function complaintOf(text: string): string {
  const lines = text.split("\n").map((line) => line.replace(/^npm (error|ERR!) ?/, "").trim());
  return lines
    .filter(
      (line) => line !== "" && !line.startsWith("npm warn") && !/complete log of this run|debug-0\.log/.test(line),
    )
    .slice(0, 6)
    .join("; ");
}
