import type { HttpCheck, SinkConfig, TcpCheck, UptimeCheck, UptimeConfig } from "./config.ts";
import type { Draft, Values } from "./draft.ts";
import { complete } from "./fields.ts";
import { UptimeCheck as CheckSettings, type PumpConf } from "./schema.ts";
import { variableName } from "./sinks.ts";
import { applyVariables, type Variables } from "./variables.ts";

const PATH = "sluice.uptime";
const DAY_MS = 86_400_000;
/** Tyk's "never". */
const NO_EXPIRY_MS = 36_500 * DAY_MS;
const LONGEST_DEFAULT_MS = 10_000;
/** A gateway's number from here on is nanoseconds: as milliseconds it would be a quarter of an hour. */
const NANOSECONDS = 1_000_000;

/** The tests of services; null: there are none. What is wrong with a check is an error of the start. */
export function uptimeOf(
  conf: PumpConf,
  sinks: readonly SinkConfig[],
  variables: Variables,
  draft: Draft,
): UptimeConfig | null {
  const settings = conf.sluice.uptime;
  const checks = Object.entries(settings.checks).flatMap(([name, given]) => {
    const values: Values = { ...given };
    const prefix = `SLUICE_UPTIME_CHECKS_${variableName(name)}_`;
    const reading = { draft, scope: { severity: "error" } as const, variables };
    applyVariables(CheckSettings, prefix, `${PATH}.checks.${name}`, values, reading);
    const check = complete(CheckSettings, values, true) as CheckSettings;
    // So that `config print` shows what is in force.
    settings.checks[name] = check;
    return checkOf(name, check, settings, draft) ?? [];
  });
  if (checks.length === 0) return null;
  const isRead = sinks.some(({ reads }) => reads === "uptime");
  if (!isRead) {
    draft.report(
      "SLUICE_CONFIG_NO_EFFECT",
      { severity: "warning" },
      {
        path: `${PATH}.checks`,
        message:
          conf.sluice.log.engine === "disk"
            ? "No sink here takes uptime records: the results are shown, but not kept."
            : "No sink here takes uptime records: the results wait in Redis for whoever does.",
        mend: "Write uptime_pump_config.",
      },
    );
  }
  return {
    concurrency: settings.concurrency,
    failures: settings.failures,
    successes: settings.successes || settings.failures,
    expireMs: settings.expire_after || NO_EXPIRY_MS,
    report: isRead || conf.sluice.log.engine !== "disk",
    checks,
  };
}

function checkOf(
  name: string,
  settings: CheckSettings,
  { interval, timeout }: PumpConf["sluice"]["uptime"],
  draft: Draft,
): UptimeCheck | undefined {
  const path = `${PATH}.checks.${name}`;
  const wrong = (key: string, message: string, mend: string) => {
    draft.report("SLUICE_CONFIG_BAD_VALUE", { severity: "error" }, { path: `${path}.${key}`, message, mend });
    return undefined;
  };
  const url = parseUrl(settings);
  if (url === null) {
    return wrong(
      "url",
      `The url of the check "${name}" cannot be used.`,
      "Write http://…, https://…, tcp://host:port or tls://host:port.",
    );
  }
  for (const password of [url.password, decoded(url.password)]) if (password !== "") draft.hide(password);
  const intervalMs = settings.interval || interval;
  const own = settings.timeout >= NANOSECONDS ? settings.timeout / NANOSECONDS : settings.timeout;
  const timeoutMs = Math.min(own || timeout || Math.min(intervalMs, LONGEST_DEFAULT_MS), intervalMs);
  const base = {
    name,
    url: shown(url, settings.url),
    intervalMs,
    timeoutMs,
    apiId: settings.api_id,
    orgId: settings.org_id,
    insecure: settings.ssl_insecure_skip_verify,
  };
  if (/^(tcp|tls):$/.test(url.protocol)) {
    if (url.port === "") return wrong("url", `The url of the check "${name}" has no port.`, "Write tcp://host:port.");
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const { commands, enable_proxy_protocol: proxyProtocol } = settings;
    return {
      ...base,
      kind: "tcp",
      host,
      port: Number(url.port),
      secure: url.protocol === "tls:",
      proxyProtocol,
      commands,
    } satisfies TcpCheck;
  }
  const expect = rangesOf(settings.expect);
  if (expect === null) {
    return wrong("expect", `"expect" of the check "${name}" must be statuses.`, 'Write as in "200-299,401".');
  }
  const method = settings.method || "GET";
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) {
    return wrong("method", `The method of the check "${name}" cannot be sent.`, 'Write a method such as "GET".');
  }
  const strange = Object.entries(settings.headers).find(([header, value]) => !isHeader(header, value));
  if (strange) {
    return wrong(
      "headers",
      `A header of the check "${name}" cannot be sent.`,
      "Write plain names, values in one line.",
    );
  }
  const headers = { ...credentialsOf(url), ...settings.headers };
  return { ...base, kind: "http", target: bare(url), method, headers, body: settings.body, expect } satisfies HttpCheck;
}

/** `protocol` says what a `host:port` is, and makes an address of another kind TCP or TLS, as in a gateway's definitions. */
function parseUrl({ url, protocol }: CheckSettings): URL | null {
  const scheme = /^(tcp|tls)$/i.test(protocol) ? protocol.toLowerCase() : null;
  const text = scheme === null ? url : `${scheme}://${url.replace(/^\w+:\/\//, "")}`;
  if (!URL.canParse(text)) return null;
  const parsed = new URL(text);
  return /^(https?|tcp|tls):$/.test(parsed.protocol) && parsed.hostname !== "" ? parsed : null;
}

/** "200-299,401" */
function rangesOf(text: string): [number, number][] | null {
  const ranges = text.split(",").map((part) => /^\s*(\d{3})\s*(?:-\s*(\d{3})\s*)?$/.exec(part));
  if (ranges.includes(null)) return null;
  return ranges.map((range) => [Number(range![1]), Number(range![2] ?? range![1])]);
}

function isHeader(name: string, value: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !/[^\t\x20-\x7e\x80-\xff]/.test(value);
}

/** User and password of a URL as a header. */
function credentialsOf({ username, password }: URL): { authorization?: string } {
  if (username === "" && password === "") return {};
  const text = `${decoded(username)}:${decoded(password)}`;
  return { authorization: `Basic ${Buffer.from(text).toString("base64")}` };
}

/** A lone percent sign stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function bare(url: URL): string {
  const copy = new URL(url);
  copy.username = "";
  copy.password = "";
  return copy.href;
}

/** As it was written, but for user and password. */
function shown(url: URL, written: string): string {
  return url.username === "" && url.password === "" ? written : bare(url);
}
