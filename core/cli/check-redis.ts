import type { RedisLogConfig } from "../config/config.ts";
import type { Connection, Reply } from "../log/connection.ts";
import { LogError } from "../log/errors.ts";
import { gatewayLists, keysOf, UPTIME_LIST } from "../log/keys.ts";
import { openLink } from "../log/link.ts";
import type { Finding, Trial } from "./check-report.ts";
import { formatCount } from "./format.ts";

/**
 * Whether Redis can be reached, and does what the log needs. Nothing is executed that writes: each command is queued in a
 * MULTI, where the server says already whether it would be refused, and discarded.
 */
export async function checkRedis(
  config: RedisLogConfig,
  engine: "redis" | "disk",
  readsUptime: boolean,
  place: string,
): Promise<Trial> {
  const link = openLink(config);
  const lists = gatewayLists(config.keyPrefix).filter((list) => readsUptime || list !== UPTIME_LIST);
  const first = link.to(keysOf(lists[0]!.name).log);
  const started = performance.now();
  try {
    await link.connect();
    const took = Math.round(performance.now() - started);
    const asked = [lists[0]!.name, ...(readsUptime ? [UPTIME_LIST.name] : [])];
    const refused = (await Promise.all(asked.map((list) => refusals(link.to(keysOf(list).log), list, engine)))).flat();
    const info = await server(first);
    const waiting = await Promise.all(lists.map(({ name }) => length(link.to(keysOf(name).log), name)));
    const records = formatCount(waiting.reduce((sum, one) => sum + one, 0));
    const findings = [...rights(refused, config), ...(info.evicts ? [eviction(info.evicts)] : [])];
    const fault = findings.find(({ severity }) => severity === "error");
    return {
      subject: subjectOf(config, first),
      outcome: fault ? "failed" : "ok",
      seen: fault?.message ?? `${info.name}, connected in ${took} ms, ${records} records wait`,
      findings: findings.map((one) => ({ ...one, place })),
    };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const { code, message } = error;
    const mend = "The pump starts all the same and tries again until it can.";
    const finding = { severity: "error" as const, code, place, message, mend };
    return { subject: subjectOf(config, first), outcome: "failed", seen: message, findings: [finding] };
  } finally {
    link.close();
  }
}

type Placeless = Omit<Finding, "place">;

function subjectOf({ sentinel, cluster, tls, nodes }: RedisLogConfig, { where }: Connection): string {
  const kind = sentinel ? `Redis master "${sentinel.master}"` : cluster ? "Redis Cluster" : "Redis";
  const at = where.includes(":") ? where : nodes.map(({ host, port }) => `${host}:${port}`).join(", ");
  return `${kind} at ${at}${tls ? " over TLS" : ""}`;
}

/** What the log sends, with keys as it has them. Not needed: without SORT a claim copies, without MEMORY sizes are estimated. */
function commands(list: string): [command: string, needed: boolean, ...args: (string | number)[]][] {
  const { live, log, sinks, dead, letters } = keysOf(list);
  const block = keysOf(list).block("check");
  return [
    ["EXISTS", true, live],
    ["LLEN", true, live],
    ["LRANGE", true, live, 0, 0],
    ["LTRIM", true, live, 0, -1],
    ["LINDEX", true, block, 0],
    ["PERSIST", true, live],
    ["RENAME", true, live, block],
    ["SORT", false, live, "BY", "nosort", "LIMIT", 0, 1, "STORE", block],
    ["RPUSH", true, block, "v"],
    ["UNLINK", true, block],
    ["MEMORY", false, "USAGE", block],
    ["HSET", true, sinks, "f", "v"],
    ["HGETALL", true, sinks],
    ["HDEL", true, sinks, "f"],
    ["HMGET", true, letters, "f"],
    ["HINCRBY", true, letters, "f", 1],
    ["XADD", true, log, "*", "f", "v"],
    ["XADD", true, dead, "*", "f", "v"],
    ["XLEN", true, log],
    ["XRANGE", true, log, "-", "+"],
    ["XREVRANGE", true, log, "+", "-"],
    ["XDEL", true, log, "1-1"],
    ["XGROUP", true, "CREATE", log, "g", 0, "MKSTREAM"],
    ["XINFO", true, "GROUPS", log],
    ["XREADGROUP", true, "GROUP", "g", "c", "COUNT", 1, "STREAMS", log, ">"],
    ["XPENDING", true, log, "g", "-", "+", 1],
    ["XCLAIM", true, log, "g", "c", 0, "1-1", "JUSTID"],
    ["XACK", true, log, "g", "1-1"],
    ["EVAL", true, "return 0", 1, log],
    ["EVALSHA", true, "0000000000000000000000000000000000000000", 1, log],
  ];
}

interface Refusal {
  /** Empty: MULTI itself is refused. */
  command: string;
  needed: boolean;
  error: LogError;
}

/** What a log on disk sends. */
function intakeCommands(list: string): ReturnType<typeof commands> {
  const own = keysOf(list).block("check");
  return [
    ["EXISTS", true, list],
    ["LLEN", true, list],
    ["LRANGE", true, list, 0, 0],
    ["PERSIST", true, list],
    ["RENAMENX", true, list, own],
    ["UNLINK", true, own],
  ];
}

/** All in one turn, so that they travel together, and nothing comes between MULTI and DISCARD. */
async function refusals({ send }: Connection, list: string, engine: "redis" | "disk"): Promise<Refusal[]> {
  const asked = engine === "redis" ? commands(list) : intakeCommands(list);
  const begun = send("MULTI", [], list);
  const answers = Promise.allSettled(asked.map(([command, , ...args]) => send(command, args, list)));
  const ended = send("DISCARD", [], list);
  const [multi] = await Promise.allSettled([begun, ended]);
  if (multi.status === "rejected") {
    await answers;
    return [{ command: "", needed: false, error: multi.reason as LogError }];
  }
  return (await answers).flatMap((answer, i) => {
    const [command, needed] = asked[i]!;
    return answer.status === "fulfilled" ? [] : [{ command, needed, error: answer.reason as LogError }];
  });
}

/** One finding for all commands that are refused alike. */
function rights(refused: readonly Refusal[], { username, keyPrefix }: RedisLogConfig): Placeless[] {
  const findings: Placeless[] = [];
  for (const needed of [true, false]) {
    const alike = refused.filter((one) => one.needed === needed && one.command !== "");
    const [first] = alike;
    if (!first) continue;
    const names = [...new Set(alike.map(({ command }) => command))];
    const grant = `ACL SETUSER ${username || "default"} ~${keyPrefix}* ~{${keyPrefix}* ~host-checker:* ~{host-checker:*`;
    const noPermission = alike.every(({ error }) => error.message.includes("NOPERM"));
    findings.push({
      severity: needed ? "error" : "warning",
      code: first.error.code,
      message: `Redis refuses ${names.join(", ")}${needed ? "" : ", without which the log is slower"}: ${(first.error.cause as Error).message}`,
      mend: noPermission
        ? `Grant them, say with: ${grant} ${names.map((name) => `+${name.toLowerCase()}`).join(" ")}`
        : "Use Redis 5 or later, a master, with room for writes.",
    });
  }
  const unknown = refused.find(({ command }) => command === "");
  if (unknown) {
    const message = `Rights cannot be tried without writing: MULTI is refused. ${unknown.error.message}`;
    findings.push({ severity: "warning", code: unknown.error.code, message, mend: "They are tried at the start." });
  }
  return findings;
}

async function server({ send, where }: Connection): Promise<{ name: string; evicts: string | null }> {
  try {
    const info = `${await send("INFO", ["server"], where)}\n${await send("INFO", ["memory"], where)}`;
    const field = (name: string) => new RegExp(`^${name}:(.+?)\\r?$`, "m").exec(info)?.[1];
    const version = field("valkey_version") ? `Valkey ${field("valkey_version")}` : `version ${field("redis_version")}`;
    const policy = field("maxmemory_policy");
    const evicts = policy && policy !== "noeviction" && field("maxmemory") !== "0" ? policy : null;
    return { name: version, evicts };
  } catch {
    return { name: "a server that does not tell its version", evicts: null };
  }
}

function eviction(policy: string): Placeless {
  const message = `It evicts keys when it is full (maxmemory-policy ${policy}): records may vanish.`;
  return { severity: "warning", code: "SLUICE_LOG_FULL", message, mend: "Set maxmemory-policy to noeviction." };
}

/** A list that cannot be asked has been told of. */
async function length({ send }: Connection, list: string): Promise<number> {
  const reply: Reply = await send("LLEN", [list], list).catch(() => 0);
  return Number(reply);
}
