import { expect, test } from "vitest";
import { bundleTypebox } from "../scripts/typebox-bundle.ts";
import { read } from "./sources.ts";

test("sdk/schema/typebox.js is of the locked version (else: node scripts/schema.ts)", async () => {
  expect(read("sdk/schema/typebox.js")).toBe(await bundleTypebox());
});
