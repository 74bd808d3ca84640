import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, open, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { conformance, type Engine, entry, readAll, records, SINKS } from "./conformance.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import type { ListLog } from "./log.ts";
import { openSqliteLog, type SqliteLog } from "./sqlite.ts";

const LIMITS = { leaseMs: 150, chunkRecords: 1000, chunkBytes: 4_000_000 };
const NAME = "analytics-tyk-system-analytics";

async function start(): Promise<{ engine: Engine; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
  let current: SqliteLog;
  const engine: Engine = {
    chunkRecords: LIMITS.chunkRecords,
    leaseMs: LIMITS.leaseMs,
    create(lists) {
      current = openSqliteLog({ folder, ...LIMITS }, { lists });
      return current;
    },
    async push(log, list, records) {
      (log as SqliteLog).append(list, records);
    },
    async stored(list) {
      return (await current.lists.find(({ name }) => name === list)!.lag("nobody")).records;
    },
    crash: (log) => log.close(),
  };
  return { engine, stop: () => rm(folder, { recursive: true, force: true }) };
}

conformance("SQLite", start);

describe("delivery log in a file", () => {
  let folder: string;
  let log: SqliteLog;
  let list: ListLog;
  const reopen = async (changes: Partial<typeof LIMITS> = {}) => {
    await log?.close();
    log = openSqliteLog({ folder, ...LIMITS, ...changes });
    await log.open(SINKS);
    list = log.lists[0]!;
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
    await reopen();
  });
  afterEach(async () => {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  const take = async (sink: string) => (await list.take([{ sink, chunks: 1000 }]))[0]!;
  const finish = async () => {
    for (const sink of ["a", "b"]) await list.ack(sink, await take(sink));
    return list.sweep();
  };

  test("before it is open and for a list that it lacks, it says so", async () => {
    const fresh = openSqliteLog({ folder: join(folder, "other"), ...LIMITS });
    expect(fresh.lists.length).toBe(23);
    expect(() => fresh.append(NAME, records(1))).toThrow(/call open first/);
    expect(() => log.append("unknown", records(1))).toThrow(/no list named unknown/);
  });

  test("a second process is turned away, and the first goes on", async () => {
    const second = openSqliteLog({ folder, ...LIMITS });
    await expect(second.open(SINKS)).rejects.toMatchObject({
      code: LOG_ERROR_CODES.locked,
      message: expect.stringContaining(join(folder, "log.db")),
    });
    log.append(NAME, records(10));
    const module = fileURLToPath(new URL("./sqlite.ts", import.meta.url));
    const script = `
      const { openSqliteLog } = await import(${JSON.stringify(module)});
      const log = openSqliteLog(${JSON.stringify({ folder, ...LIMITS })});
      await log.open([]).then(() => console.log("open"), (error) => console.log(error.code));`;
    const other = () => promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
    expect((await other()).stdout.trim()).toBe(LOG_ERROR_CODES.locked);
    await log.close();
    expect((await other()).stdout.trim()).toBe("open");
    await reopen();
    expect((await list.lag("a")).records).toBe(10);
  });

  test("chunks keep to the bytes allowed; a larger record is one of its own", async () => {
    await reopen({ chunkBytes: 1000 });
    const raw = [300, 300, 300, 300, 5000, 10, 20].map((bytes, i) => Buffer.alloc(bytes, 97 + i));
    expect(log.append(NAME, raw)).toBe(4);
    const refs = await take("a");
    expect(refs.map((ref) => ref.records)).toEqual([3, 1, 1, 2]);
    const texts: string[] = [];
    for (const ref of refs) texts.push(...(await readAll(list, ref)));
    expect(texts).toEqual(raw.map(String));
    expect(log.append(NAME, [])).toBe(0);
  });

  test("after a restart all is free; ids and the file's name for them go on", async () => {
    log.append(NAME, records(1500));
    const before = await take("a");
    await list.ack("a", [before[0]!]);
    await reopen();
    const after = await take("a");
    expect(after.map(({ chunk }) => chunk)).toEqual([before[1]!.chunk]);
    expect(after[0]!.redelivered).toBe(true);
    await list.ack("a", after);
    await list.ack("b", await take("b"));
    expect(await list.sweep()).toBe(2);
    await reopen();
    log.append(NAME, records(1));
    const [fresh] = await take("a");
    expect(Number(fresh!.entry)).toBeGreaterThan(Number(before[1]!.entry));
    expect(fresh!.redelivered).toBe(false);
    expect(fresh!.chunk.split(".")[1]).toBe(before[0]!.chunk.split(".")[1]);
  });

  test("a sink that is configured no longer keeps its backlog until it is forgotten", async () => {
    await log.register([...SINKS, entry("gone")]);
    log.append(NAME, records(10));
    await reopen();
    await finish();
    expect((await list.lag("gone")).records).toBe(10);
    await log.forgetSink("gone");
    expect(await list.sweep()).toBe(1);
    expect((await log.usage()).records).toBe(0);
  });

  test("the file does not grow for ever", async () => {
    const file = join(folder, "log.db");
    const sizes: number[] = [];
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < 4; i++) log.append(NAME, records(1000, 1000));
      expect(await finish()).toBe(4);
      sizes.push((await stat(file)).size + (await stat(`${file}-wal`)).size);
    }
    // 48 MB went through: one round's chunks, and a write-ahead log of a thousand pages.
    expect(Math.max(...sizes)).toBeLessThan(28_000_000);
    await log.close();
    expect((await stat(file)).size).toBeLessThan(1_000_000);
  });

  test("a full disk: the append is refused whole, what was there is delivered, and then there is room", async () => {
    log.append(NAME, records(1000, 1000));
    await log.close();
    // A smaller bound on the pages stands for the disk.
    const store = new Database(join(folder, "log.db"));
    const pages = store.pragma("page_count", { simple: true }) as number;
    store.close();
    log = openSqliteLog({ folder, ...LIMITS }, { maxPages: pages + 20 });
    await log.open(SINKS);
    list = log.lists[0]!;
    expect(() => log.append(NAME, records(2000, 1000))).toThrow(
      expect.objectContaining({ code: LOG_ERROR_CODES.full, message: expect.stringContaining("disk is full") }),
    );
    expect((await list.lag("a")).records).toBe(1000);
    expect(await readAll(list, (await take("a"))[0]!)).toHaveLength(1000);
    await reopen();
    expect(await finish()).toBe(1);
    expect(log.append(NAME, records(2000, 1000))).toBe(2);
  });

  test("a file that is no log, a damaged one, and a folder that cannot be", async () => {
    await log.close();
    await writeFile(
      join(folder, "log.db"),
      "this is no database, but it is long enough to be taken for one".repeat(50),
    );
    await expect(log.open(SINKS)).rejects.toMatchObject({ code: LOG_ERROR_CODES.damaged });
    await (await open(join(folder, "plain"), "w")).close();
    const nowhere = openSqliteLog({ folder: join(folder, "plain"), ...LIMITS });
    await expect(nowhere.open(SINKS)).rejects.toMatchObject({ code: LOG_ERROR_CODES.unavailable });
  });

  test("killed in the middle of appends: what was answered is there, and chunks are whole", async () => {
    await log.close();
    const module = fileURLToPath(new URL("./sqlite.ts", import.meta.url));
    const script = `
      const { openSqliteLog } = await import(${JSON.stringify(module)});
      const log = openSqliteLog(${JSON.stringify({ folder, ...LIMITS })});
      await log.open([]);
      for (;;) {
        log.append(${JSON.stringify(NAME)}, Array.from({ length: 100 }, (_, i) => Buffer.alloc(2000, i)));
        process.stdout.write("done\\n");
      }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    let stdout = "";
    child.stdout.on("data", (bytes: Buffer) => {
      stdout += bytes.toString();
      if (stdout.length > 50) child.kill("SIGKILL");
    });
    await once(child, "close");
    const answered = stdout.split("done\n").length - 1;
    expect(answered).toBeGreaterThan(0);
    await reopen();
    const refs = await take("a");
    expect(refs.length).toBeGreaterThanOrEqual(answered);
    for (const ref of refs) expect(await readAll(list, ref)).toHaveLength(100);
  });
});
