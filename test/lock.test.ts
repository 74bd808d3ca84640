import { expect, test } from "vitest";
import { workspaceLock } from "../scripts/workspace-lock.ts";
import { read } from "./sources.ts";

test("plugins.lock.json is fresh (else: node scripts/lock.ts)", async () => {
  expect(read("plugins.lock.json")).toBe(await workspaceLock());
});
