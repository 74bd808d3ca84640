import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Prepare } from "@sluice/sdk/runtime";

export interface Job {
  plugin: "csv" | "stdout";
  config: { [key: string]: unknown };
  prepare: Partial<Prepare>;
  wire: "msgpack" | "protobuf";
}

const DRIVE = fileURLToPath(new URL("./drive.ts", import.meta.url));

/** What the sink writes for these records, in a process of this zone. */
export async function output(job: Job, resp: Buffer, zone = "UTC"): Promise<Buffer> {
  if (job.plugin === "stdout") return run(job, resp, zone);
  const folder = mkdtempSync(join(tmpdir(), "sluice-golden-"));
  try {
    await run({ ...job, config: { ...job.config, csv_dir: folder } }, resp, zone);
    // One file, but for a test at the turn of the hour.
    const files = readdirSync(folder).filter((name) => name.endsWith(".csv"));
    return Buffer.concat(files.map((name) => readFileSync(join(folder, name))));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(job: Job, resp: Buffer, zone: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { encoding: "buffer", maxBuffer: 1 << 28, env: { ...process.env, TZ: zone } } as const;
    const child = execFile(process.execPath, [DRIVE, JSON.stringify(job)], options, (error, stdout, stderr) => {
      if (error) reject(new Error(`${error.message}\n${stderr}`));
      else resolve(stdout);
    });
    child.stdin!.on("error", () => {});
    child.stdin!.end(resp);
  });
}

/** The values pushed by RPUSH commands in RESP, in order. */
export function recordsOf(resp: Buffer): Buffer[] {
  const records: Buffer[] = [];
  let at = 0;
  const number = () => {
    const end = resp.indexOf("\r\n", at);
    const value = Number(resp.toString("latin1", at + 1, end));
    at = end + 2;
    return value;
  };
  while (at < resp.length) {
    const words = number();
    for (let word = 0; word < words; word++) {
      const size = number();
      if (word >= 2) records.push(resp.subarray(at, at + size));
      at += size + 2;
    }
  }
  return records;
}

/** The pump options of a pump.conf as the runtime takes them. */
export function prepareOf(options: { [option: string]: unknown }): Partial<Prepare> {
  const filters = (options.filters ?? {}) as { [list: string]: never[] };
  return {
    filters: {
      skipApiIds: filters.skip_api_ids ?? [],
      skipOrgIds: filters.skip_org_ids ?? [],
      skipResponseCodes: filters.skip_response_codes ?? [],
      apiIds: filters.api_ids ?? [],
      orgIds: filters.org_ids ?? [],
      responseCodes: filters.response_codes ?? [],
    },
    omit: options.omit_detailed_recording === true,
    trim: Number(options.max_record_size ?? 0),
    ignore: (options.ignore_fields ?? []) as string[],
    decodeRequest: options.raw_request_decoded === true,
    decodeResponse: options.raw_response_decoded === true,
  };
}
