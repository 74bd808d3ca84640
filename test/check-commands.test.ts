import { expect, test } from "vitest";
import { read, sourceFiles } from "./sources.ts";

test("sluice check tries every command that the log sends", () => {
  const sources = sourceFiles("core/log/*.ts").filter((path) => !/test|conformance|model|disk|intake/.test(path));
  const called = /(?:\b(?:send|sendBuffers)\(|redis\.p?call\()["']([A-Z]+)["']/g;
  const used = new Set(sources.flatMap((path) => [...read(path).matchAll(called)].map(([, command]) => command!)));
  // Of the connection itself, of single topologies, and of what is not always configured or only asked for by hand.
  const others = ["AUTH", "CLUSTER", "ROLE", "TIME", "INFO", "GET", "SET", "DEL"];
  const tried = [...read("core/cli/check-redis.ts").matchAll(/^ {4}\["([A-Z]+)", /gm)].map(([, command]) => command!);
  expect([...used].filter((command) => !tried.includes(command)).sort()).toEqual(others.sort());
});
