/** Bundles TypeBox for sdk/schema: `node scripts/schema.ts`, after its version has changed. */
import { copyFileSync, writeFileSync } from "node:fs";
import { bundleTypebox, TYPEBOX } from "./typebox-bundle.ts";

const folder = new URL("../sdk/schema/", import.meta.url);
writeFileSync(new URL("typebox.js", folder), await bundleTypebox());
copyFileSync(new URL("license", TYPEBOX), new URL("typebox.license", folder));
