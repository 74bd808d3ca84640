import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { loadConfig } from "../../core/config/load.ts";
import { PROBLEM_CODES } from "../../core/config/problem.ts";
import { unpolluted } from "./checks.ts";
import type { Target } from "./harness.ts";
import { mutatedJson } from "./mutate.ts";

const CASES = new URL("../../core/config/testdata/cases.jsonl", import.meta.url);
/** A file for each input: not on a disk, where there is another place. */
const MEMORY = "/dev/shm";
const LONGEST = 4000;
const MOST_PROBLEMS = 2000;

interface Input {
  conf: string;
  env: { [name: string]: string };
}

interface Case {
  files: { [name: string]: unknown } | null;
  env: { [name: string]: string };
}

/** A document with much in it. */
const FULL = {
  analytics_storage_type: "redis",
  analytics_storage_config: {
    type: "redis",
    host: "h",
    port: 1,
    addrs: ["a:1", "b:2"],
    hosts: { a: "1" },
    password: "p",
  },
  purge_delay: 10,
  purge_chunk: 500,
  storage_expiration_time: 60,
  dont_purge_uptime_data: false,
  max_record_size: 1000,
  omit_detailed_recording: false,
  health_check_endpoint_name: "hello",
  health_check_endpoint_port: 8083,
  log_level: "info",
  log_format: "json",
  statsd_connection_string: "h:8125",
  statsd_prefix: "s",
  uptime_pump_config: { uptime_type: "sql", type: "sqlite", connection_string: "/a/b.db" },
  kv: {
    stores: {
      v: { type: "vault", config: { address: "https://v", token: "t" } },
      i: { type: "inline", config: { data: { a: "b" } } },
    },
  },
  pumps: {
    csv: {
      type: "csv",
      name: "csv",
      timeout: 5,
      filters: { api_ids: ["a"], skip_response_codes: [200] },
      ignore_fields: ["api_key"],
      meta: { csv_dir: "o" },
    },
    sql: {
      type: "sql",
      meta: {
        type: "postgres",
        connection_string: "host=h user=u password=p sslrootcert=/ca",
        batch_size: 10,
        table_sharding: true,
      },
    },
    prometheus: {
      type: "prometheus",
      meta: { listen_address: ":9090", custom_metrics: [{ name: "m", metric_type: "counter", labels: ["host"] }] },
    },
    agg: {
      type: "sql_aggregate",
      meta: {
        type: "mysql",
        connection_string: "u:p@tcp(h:3306)/d",
        ignore_tag_prefix_list: ["x"],
        track_all_paths: true,
      },
    },
    stdout: { type: "stdout", meta: { format: "json", log_field_name: "f" } },
  },
  sluice: {
    stop: "25s",
    delivery: {
      lease: "30s",
      poll: "200ms",
      chunk_records: 1000,
      chunk_bytes: 1048576,
      letters: { records: 10, bytes: 1000 },
    },
    sinks: { csv: { actors: 2, isolate: true, heap_mb: 128 } },
    secrets: { refresh: "1m" },
  },
};

/** Everything that is in the file and that variables set, from recorded starts of the reference and one document that has much. */
const { documents, names, values } = samples();

/** Whatever the file and the variables hold: a configuration and problems, each a sentence with a code; it never throws. */
export const configTarget: Target<Input> = {
  name: "config",
  share: 2,
  input: fc.record({
    conf: mutatedJson(documents as never[]),
    env: fc.dictionary(variableName(), fc.oneof(fc.constantFrom(...values), fc.string({ maxLength: 40 })), {
      maxKeys: 5,
    }),
  }),
  bytes: (input) => Buffer.from(JSON.stringify(input)),
  run({ conf, env }) {
    writeFileSync(join(folder(), "pump.conf"), conf);
    const loaded = loadConfig({ cwd: folder(), env });
    void loaded.settings();
    if (loaded.problems.length > MOST_PROBLEMS) throw new Error(`${loaded.problems.length} problems`);
    for (const { code, place, message, mend } of loaded.problems) {
      if (!PROBLEM_CODES.includes(code)) throw new Error(`${code} is no code`);
      for (const text of [place, message, mend]) {
        if (text.length > LONGEST) throw new Error(`a problem of ${text.length} characters: ${text.slice(0, 100)}`);
      }
    }
    unpolluted();
  },
  async end() {
    if (made !== null) rmSync(made, { recursive: true });
    made = null;
  },
};

let made: string | null = null;
function folder(): string {
  made ??= mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "sluice-fuzz-"));
  return made;
}

function samples() {
  const cases = readFileSync(CASES, "utf8")
    .trim()
    .split("\n")
    .map((line): Case => JSON.parse(line));
  const filled = (text: string) => text.replace(/\$\{[A-Z_]+\}/g, "1");
  const texts = cases.flatMap(({ files }) => Object.values(files ?? {})).filter((text) => typeof text === "string");
  const parsed = texts.flatMap((text) => {
    try {
      return [JSON.parse(filled(text)) as unknown];
    } catch {
      return [];
    }
  });
  const objects = parsed.filter((one) => typeof one === "object" && one !== null);
  const variables = cases.flatMap(({ env }) => Object.entries(env));
  return {
    documents: [...objects, FULL],
    names: [...new Set(variables.map(([name]) => name))],
    values: [...new Set(variables.map(([, value]) => filled(value)))].concat("1e400", "-1", "[1", '{"a":', "kv://x/y"),
  };
}

/** Of a recorded start, or put together of such names' words. */
function variableName(): fc.Arbitrary<string> {
  const words = [...new Set(names.flatMap((name) => name.split("_")))].concat(
    "SLUICE",
    "DELIVERY",
    "LEASE",
    "0",
    "99999999",
  );
  const made = fc
    .tuple(
      fc.constantFrom("TYK_PMP_", "TYK_PMP_PUMPS_", "TYK_PMP_PUMPS_CSV_", "SLUICE_", "PMP_MONGO_", "TYK_PMP_REDIS_"),
      fc.array(fc.constantFrom(...words), { maxLength: 4 }),
    )
    .map(([prefix, parts]) => prefix + parts.join("_"));
  return fc.oneof(fc.constantFrom(...names), made);
}
