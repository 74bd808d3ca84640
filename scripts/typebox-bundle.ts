import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export const TYPEBOX = new URL("../node_modules/@sinclair/typebox/", import.meta.url);
const EXPORTS = `export { Type } from '@sinclair/typebox'; export { Value } from '@sinclair/typebox/value';`;

/** The text of sdk/schema/typebox.js. */
export async function bundleTypebox(): Promise<string> {
  const { version } = JSON.parse(readFileSync(new URL("package.json", TYPEBOX), "utf8"));
  const { outputFiles } = await build({
    stdin: { contents: EXPORTS, resolveDir: fileURLToPath(TYPEBOX) },
    bundle: true,
    minify: true,
    format: "esm",
    target: "node24",
    write: false,
    banner: { js: `// TypeBox ${version} (typebox.license), bundled by scripts/schema.ts.` },
  });
  return outputFiles[0]!.text;
}
