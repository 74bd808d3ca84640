import { appendFileSync, cpSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../support/pump.ts";
import { numbered } from "../support/records.ts";
import { House } from "./house.ts";

test("a linked folder runs as it is, and is loaded anew when it changes", async () => {
  const house = new House();
  await house.open();
  onTestFinished(() => house.close());
  const folder = house.path("draft");
  cpSync(fileURLToPath(new URL("with-dependency", import.meta.url)), folder, { recursive: true });
  symlinkSync(fileURLToPath(new URL("../../node_modules", import.meta.url)), house.path("node_modules"));
  expect(await house.sluice("plugin", "link", "draft", "--accept")).toMatchObject({ code: 0, err: "" });
  expect(house.lock.plugins[0]).toMatchObject({ source: "link", entry: "../draft/index.ts", folder: "." });

  const pump = house.pump({ lines: { type: "tagged-lines", meta: { file: house.path("lines.txt") } } });
  onTestFinished(async () => void (await pump.stop()));
  await pump.start(numbered(100));
  await pump.delivered("lines", 100);
  const code = readFileSync(house.path("draft/index.ts"), "utf8");
  house.write("draft/index.ts", code.replace(/\$\{tag\} /, "changed "));
  await until(() => pump.lines.some((line) => line.includes("is reloaded")), "the reload");
  pump.push(numbered(100, { from: 100 }));
  await pump.delivered("lines", 200);
  const lines = readFileSync(house.path("lines.txt"), "utf8").trimEnd().split("\n");
  expect(new Set(lines.map((line) => line.split(" ")[2])).size).toBe(200);
  expect(lines.at(-1)).toMatch(/^changed /);

  // As editors save: another file takes its place, and is then written to.
  const reloads = () => pump.lines.filter((line) => line.includes("is reloaded")).length;
  const file = house.path("draft/index.ts");
  writeFileSync(`${file}.new`, `${readFileSync(file, "utf8")}// saved\n`);
  renameSync(`${file}.new`, file);
  await until(() => reloads() > 1, "the second reload");
  const before = reloads();
  appendFileSync(file, "// saved again\n");
  await until(() => reloads() > before, "the third reload");
  expect(pump.sink("lines")).toMatchObject({ restarts: 0, state: "open" });
});
