import { createServer } from "node:net";
import type { Config } from "../config/config.ts";
import type { Loaded } from "../config/load.ts";
import { stopsTheStart } from "../config/problem.ts";
import type { SecretError } from "../config/secrets/store.ts";
import { maskSecrets } from "../logging/clean.ts";
import { checkRedis } from "./check-redis.ts";
import { type Finding, type Report, reportText, type Trial } from "./check-report.ts";
import { checkSink } from "./check-sinks.ts";
import { readConfiguration } from "./configuration.ts";
import { EXIT } from "./errors.ts";

export interface CheckOptions {
  conf?: string;
  json?: boolean;
  /** Only what the configuration says: nothing is connected to. */
  offline?: boolean;
}

/** `sluice check`: all that is wrong, at once. 0: everything that is configured would run; 1: not. It writes nothing. */
export async function check(options: CheckOptions): Promise<number> {
  const report = await checkConfiguration(options);
  process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  return report.ok ? EXIT.ok : EXIT.failed;
}

async function checkConfiguration(options: CheckOptions): Promise<Report> {
  const loaded = await readConfiguration(options);
  // Without its file a configuration says nothing of what to try.
  const idle = options.offline === true || (stopsTheStart(loaded.problems) && loaded.file === null);
  return reportOf(loaded, idle ? [] : await tryAll(loaded));
}

/** What a configuration and the trials come to. */
export function reportOf({ config, problems, hidden, source }: Loaded, trials: readonly Trial[]): Report {
  const findings: Finding[] = [...problems, ...trials.flatMap((one) => one.findings)];
  const report: Report = {
    ok: findings.every(({ severity }) => severity !== "error"),
    starts: !stopsTheStart(problems),
    source,
    sinks: config.sinks.map(({ name }) => name),
    findings,
    tried: trials.map(({ subject, outcome, seen }) => ({ subject, outcome, seen })),
  };
  // What a server answered may hold a password that it was given.
  const mask = (_: string, value: unknown) => (typeof value === "string" ? maskSecrets(value, hidden) : value);
  return JSON.parse(JSON.stringify(report, mask));
}

type LoadedWithSecrets = Awaited<ReturnType<typeof readConfiguration>>;

async function tryAll({ config, secrets, placeOf }: LoadedWithSecrets): Promise<Trial[]> {
  const { log, sinks, health } = config;
  const readsUptime = sinks.some(({ reads }) => reads === "uptime");
  const server = log.engine === "redis" ? log : log.redis;
  const [redis, faults, ...rest] = await Promise.all([
    server && checkRedis(server, log.engine, readsUptime, placeOf("analytics_storage_config")),
    secrets.check(),
    ...sinks.map((sink) => checkSink(sink, placeOf(`pumps.${sink.name}`))),
    checkHealth(health, placeOf("health_check_endpoint_port")),
  ]);
  const opened = [...faults].map(([name, fault]) => storeTrial(name, fault, placeOf(`kv.stores.${name}`)));
  return [...(redis ? [redis] : []), ...opened, ...rest];
}

function storeTrial(name: string, fault: SecretError | undefined, place: string): Trial {
  const subject = `secret store ${name}`;
  if (!fault) return { subject, outcome: "ok", seen: "it can be used", findings: [] };
  const { code, message, mend } = fault;
  return { subject, outcome: "failed", seen: message, findings: [{ severity: "warning", code, place, message, mend }] };
}

/** A port that is in use may well be that of the pump that runs. */
function checkHealth({ host, port }: Config["health"], place: string): Promise<Trial> {
  const subject = `health endpoint, port ${port}`;
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", ({ code = "unknown error" }: NodeJS.ErrnoException) => {
      const message = `Port ${port} cannot be listened on now (${code}).`;
      const mend = "Fine if the pump that runs has it; else set health_check_endpoint_port.";
      const finding = { severity: "warning" as const, code: "SLUICE_ADMIN_PORT_IN_USE", place, message, mend };
      resolve({ subject, outcome: "failed", seen: message, findings: [finding] });
    });
    server.listen({ port, ...(host && { host }) }, () => {
      server.close(() => resolve({ subject, outcome: "ok", seen: "the port is free", findings: [] }));
    });
  });
}
