import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { TestPump } from "./support/pump.ts";
import { numbered } from "./support/records.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
// Inside the workspace, where `@sluice/sdk` resolves.
const folder = mkdtempSync(path.join(root, "test/tmp-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the example sink of CONTRIBUTING.md works as it stands", async () => {
  const text = readFileSync(path.join(root, "CONTRIBUTING.md"), "utf8");
  writeFileSync(path.join(folder, "jsonl.ts"), /```ts\n([\s\S]*?)```/.exec(text)![1]!);
  const pump = new TestPump({ jsonl: { type: "jsonl", module: `../${path.basename(folder)}/jsonl.ts` } });
  await pump.start(numbered(250));
  await pump.delivered("jsonl", 250);
  const lines = readFileSync(pump.file("jsonl"), "utf8").trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line).path)).toEqual(Array.from({ length: 250 }, (_, i) => `/${i}`));
  await pump.stop();
});
