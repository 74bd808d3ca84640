import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "./load.ts";
import { stopsTheStart } from "./problem.ts";
import type { Environment } from "./variables.ts";

const cwd = mkdtempSync(join(tmpdir(), "sluice-uptime-config-"));
afterAll(() => rmSync(cwd, { recursive: true }));

/** The uptime sink and the problems of this file, with the repository's own plugins. */
function load(more: object, env: Environment = {}) {
  writeFileSync(join(cwd, "pump.conf"), JSON.stringify({ pumps: { dummy: { type: "dummy" } }, ...more }));
  const { config, problems } = loadConfig({ cwd, env });
  const sinks = config.sinks.filter(({ reads }) => reads === "uptime");
  return { sinks, others: config.sinks.length - sinks.length, problems };
}

const sql = { uptime_type: "sql", type: "postgres", connection_string: "host=db" };
const codes = (problems: { severity: string; code: string; sink?: string; place: string }[]) =>
  problems.map(({ severity, code, sink, place }) => [severity, code, sink, place.replace(/^pump.conf:\S+ /, "")]);

test("uptime_pump_config of the type sql is a sink that reads uptime records", () => {
  const { sinks, others, problems } = load({ uptime_pump_config: { ...sql, batch_size: 50 } });
  expect(problems).toEqual([]);
  expect(others).toBe(1);
  expect(sinks).toMatchObject([
    {
      name: "uptime-pump",
      type: "sql-uptime",
      actors: 1,
      config: { type: "postgres", connection_string: "host=db", batch_size: 50 },
    },
  ]);
});

test("its variables win over the file, alone they are enough, and keys match in any letter case", () => {
  const prefix = "TYK_PMP_UPTIMEPUMPCONFIG";
  const both = load(
    { uptime_pump_config: { ...sql, TABLE_SHARDING: true } },
    { [`${prefix}_CONNECTIONSTRING`]: "host=other" },
  );
  expect(both.problems).toEqual([]);
  expect(both.sinks[0]?.config).toMatchObject({ connection_string: "host=other", table_sharding: true });
  const alone = load(
    {},
    { [`${prefix}_UPTIMETYPE`]: "sql", [`${prefix}_TYPE`]: "mysql", [`${prefix}_MYSQL_DEFAULTSTRINGSIZE`]: "64" },
  );
  expect(alone.problems).toEqual([]);
  expect(alone.sinks[0]?.config).toMatchObject({ type: "mysql", mysql: { default_string_size: 64 } });
});

test("what a sink may have of Sluice's own it may have too", () => {
  expect(load({ uptime_pump_config: sql, sluice: { sinks: { "uptime-pump": { actors: 2 } } } })).toMatchObject({
    problems: [],
    sinks: [{ actors: 2 }],
  });
});

test("a fault in it stops this sink alone", () => {
  for (const bad of [{ ...sql, type: "nosuch" }, { ...sql, batch_size: "many" }, { uptime_type: "sql" }, "sql"]) {
    const { sinks, others, problems } = load({ uptime_pump_config: bad });
    expect([sinks, others, stopsTheStart(problems)], JSON.stringify(bad)).toEqual([[], 1, false]);
  }
  expect(codes(load({ uptime_pump_config: { ...sql, type: "nosuch" } }).problems)).toEqual([
    ["error", "SLUICE_CONFIG_WRONG_TYPE", "uptime-pump", "uptime_pump_config.type"],
  ]);
});

test("records are left where they are with dont_purge_uptime_data, and with a warning where nothing takes them", () => {
  expect(load({ uptime_pump_config: sql, dont_purge_uptime_data: true })).toEqual({
    sinks: [],
    others: 1,
    problems: [],
  });
  expect(load({ dont_purge_uptime_data: true }, { TYK_PMP_UPTIMEPUMPCONFIG_TYPE: "x" }).problems).toEqual([]);
  const nothing = load({});
  expect(nothing.sinks).toEqual([]);
  expect(codes(nothing.problems)).toEqual([["warning", "SLUICE_CONFIG_MISSING", undefined, "dont_purge_uptime_data"]]);
});

test("a pump of the same name is refused", () => {
  const { problems } = load({ pumps: { "uptime-pump": { type: "dummy" } }, uptime_pump_config: sql });
  expect(codes(problems)).toEqual([["error", "SLUICE_CONFIG_AMBIGUOUS", undefined, "pumps.uptime-pump"]]);
});
