/** Holds docs/sinks to the code: the tables of options, and what the examples say that they give. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { promisify } from "node:util";
import type { SinkDefinition, TSchema } from "@sluice/sdk";
import { analyticsSchema, encodeMsgpack, inputOf } from "@sluice/sdk/record";
import { open } from "@sluice/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../core/config/load.ts";
import { readLock } from "../core/plugins/lock.ts";
import { withSinkTables } from "../scripts/sink-tables.ts";
import { output } from "./golden/job.ts";
import { ROOT, read, sourceFiles } from "./sources.ts";
import { CouldNotRun } from "./support/could-not-run.ts";
import { freePort } from "./support/redis.ts";

const lock = readLock(join(ROOT, "plugins.lock.json"));
const README = "docs/sinks/README.md";
const pages = sourceFiles("docs/sinks/*.md").filter((page) => page !== README);
const records = JSON.parse(blocks(read(README), "json")[0]!).map((json: object) =>
  Buffer.from(encodeMsgpack(inputOf(analyticsSchema, { ...json }))),
);

/** The examples are written in this zone. */
const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = "UTC";
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

/** The text of all code blocks of a language; "": of none. */
function blocks(document: string, language: string): string[] {
  return [...document.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
    .filter(([, of]) => of === language)
    .map(([, , text]) => text!);
}

test.each([README, ...pages])("%s has the options of the schemas (else: node scripts/docs.ts)", (page) => {
  expect(withSinkTables(read(page), lock)).toBe(read(page));
});

test("the list of pages has every sink type, and every page options", () => {
  const list = [...read(README).matchAll(/^\| \[\S+\]\((\S+)\) \| (.*?) \|/gm)];
  expect(list.map(([, page]) => `docs/sinks/${page}`)).toEqual(pages);
  const types = list.flatMap(([, , names]) => [...names!.matchAll(/`([^`]+)`/g)].map(([, type]) => type));
  expect(types.sort()).toEqual(lock.plugins.flatMap((plugin) => plugin.types.map(({ type }) => type)).sort());
  expect(pages.filter((page) => !/<!-- table .+ -->/.test(read(page)))).toEqual([]);
});

describe.each(pages)("the example of %s", (page) => {
  test("gives what the page says", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-docs-"));
    // Files of the examples are in the working directory.
    process.chdir(folder);
    try {
      // The port of the example may be in use here.
      const text = read(page).replaceAll("127.0.0.1:9090", `127.0.0.1:${await freePort()}`);
      const [expected] = blocks(text, "");
      const said = await result(text, folder);
      if (expected === undefined) expect(said).toBe("");
      else
        expect(said.replace(/"time":"[^"]*"/g, '"time":"…"')).toBe(expected.replace(/"time":"[^"]*"/g, '"time":"…"'));
    } finally {
      process.chdir(ROOT);
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** What the page's command says once its sink has the records; without a command, what the sink says on standard output. */
async function result(page: string, folder: string): Promise<string> {
  writeFileSync(join(folder, "pump.conf"), blocks(page, "json")[0]!);
  const { config, problems } = loadConfig({ cwd: folder, env: { TYK_PMP_DONTPURGEUPTIMEDATA: "true" } });
  expect(problems).toEqual([]);
  const [sink] = config.sinks;
  const { type, prepare, plugin } = sink!;
  const command = /\(README\.md#the-records-of-the-examples\), `([^`]+)` says\n/.exec(page)?.[1];
  if (type === "stdout") {
    const wire = {
      plugin: type,
      config: sink!.config as { [key: string]: unknown },
      prepare,
      wire: "msgpack",
    } as const;
    return (await output(wire, commands(records))).toString();
  }
  const module = await import(plugin.entry);
  const definition = [module.default].flat().find((one: SinkDefinition<TSchema>) => one.type === type);
  const running = await open(definition, sink!.config as object, { prepare });
  running.deliver(records);
  // Gathers are flushed after a while.
  const time = setInterval(() => running.clock.advance(1000), 10);
  await running.settled();
  clearInterval(time);
  const said = command === undefined ? "" : await shell(command);
  await running.close();
  return said;
}

async function shell(command: string): Promise<string> {
  const [, file, query] = /^sqlite3 (\S+) "([^"]*)"$/.exec(command) ?? [];
  if (file !== undefined) return rows(file, query!);
  // Without `pipefail`, the end of a pipe would hide that its beginning is not there.
  const run = promisify(execFile)("bash", ["-o", "pipefail", "-c", command]);
  const { stdout } = await run.catch((error) => {
    throw error.code === 127 ? new CouldNotRun(`a command of the page is not installed: ${error.stderr}`) : error;
  });
  return stdout;
}

/** What the program of that name prints: few machines have it. */
function rows(file: string, query: string): string {
  const database = new DatabaseSync(file, { readOnly: true });
  const found = database.prepare(query).all();
  database.close();
  return found.map((row) => `${Object.values(row).join("|")}\n`).join("");
}

/** As Redis is given them. */
function commands(values: readonly Buffer[]): Buffer {
  const pieces = values.flatMap((value) => [`*3\r\n$5\r\nRPUSH\r\n$1\r\nk\r\n$${value.length}\r\n`, value, "\r\n"]);
  return Buffer.concat(pieces.map((piece) => Buffer.from(piece)));
}
