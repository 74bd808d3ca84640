import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { loadConfig } from "./load.ts";

function load(address: string, more: { [name: string]: string } = { TYK_INSTRUMENTATION: "1" }) {
  const env = {
    ...more,
    TYK_PMP_PUMPS_DUMMY_TYPE: "dummy",
    TYK_PMP_DONTPURGEUPTIMEDATA: "true",
    TYK_PMP_STATSDCONNECTIONSTRING: address,
    TYK_PMP_STATSDPREFIX: "p",
    TYK_PMP_OMITCONFIGFILE: "true",
  };
  const { config, problems } = loadConfig({ cwd: tmpdir(), env });
  return [config.statsd, problems.map(({ severity, place }) => `${severity} ${place}`)];
}

test("statistics go to statsd_connection_string where TYK_INSTRUMENTATION is 1", () => {
  expect(load("127.0.0.1:8125")).toEqual([{ host: "127.0.0.1", port: 8125, prefix: "p" }, []]);
  expect(load("[::1]:8125")).toEqual([{ host: "::1", port: 8125, prefix: "p" }, []]);
  expect(load("127.0.0.1:8125", { TYK_INSTRUMENTATION: "true" })).toEqual([null, []]);
  expect(load("")).toEqual([null, ["warning TYK_INSTRUMENTATION"]]);
  for (const bad of ["nohost", "host:", "host:0", "host:70000"]) {
    expect(load(bad), bad).toEqual([null, ["error TYK_PMP_STATSDCONNECTIONSTRING"]]);
  }
});
