import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { sdkFolder } from "./confine.ts";
import { PluginError } from "./errors.ts";
import { TYPE_PATTERN } from "./manifest.ts";

/**
 * A package in `folder` that can be installed as it is: a sink that writes JSON lines, how it is tested, its README. The folder's name is
 * the name of the package and of its sink type. Throws PluginError.
 */
export function createPlugin(folder: string): void {
  const name = basename(folder);
  if (!new RegExp(TYPE_PATTERN).test(name)) {
    const message = `${JSON.stringify(name)} is no name of a sink type. Use small letters, digits, - and _.`;
    throw new PluginError("SLUICE_PLUGIN_MANIFEST", message);
  }
  if (existsSync(folder))
    throw new PluginError("SLUICE_PLUGIN_TAKEN", `${folder} is there already. Choose another name.`);
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(FILES)) writeFileSync(join(folder, file), text.replaceAll("NAME", name));
  linkSdk(folder);
}

/** For editors and `node --test`, where the folder has no sdk (npm takes away what it did not put there): the one that this Sluice runs with. */
export function linkSdk(folder: string): void {
  if (hasSdk(folder)) return;
  const link = join(folder, "node_modules/@sluice/sdk");
  rmSync(link, { force: true });
  mkdirSync(dirname(link), { recursive: true });
  symlinkSync(sdkFolder(), link);
}

function hasSdk(folder: string): boolean {
  try {
    createRequire(join(folder, "package.json")).resolve("@sluice/sdk");
    return true;
  } catch {
    return false;
  }
}

const FILES: { readonly [file: string]: string } = {
  "package.json": `{
  "name": "sluice-plugin-NAME",
  "version": "0.1.0",
  "description": "The NAME sink of Sluice",
  "type": "module",
  "files": ["*.ts", "!*.test.ts"],
  "scripts": {
    "test": "sluice plugin test && node --test",
    "check": "tsc"
  },
  "peerDependencies": { "@sluice/sdk": "*" },
  "peerDependenciesMeta": { "@sluice/sdk": { "optional": true } },
  "devDependencies": {
    "@types/node": "^24.9.0",
    "typescript": ">=5.9.0"
  },
  "sluice": {
    "api": 1,
    "entry": "./index.ts",
    "types": ["NAME"],
    "permissions": {},
    "isolation": "worker",
    "features": [],
    "test": "./conformance.ts"
  }
}
`,
  "index.ts": `import { appendFile } from "node:fs/promises";
import { defineSink, encode, Fatal, Type } from "@sluice/sdk";

/** Appends each record to a file, as a line of JSON. */
export default defineSink({
  type: "NAME",
  config: Type.Object({
    // "path" grants this sink the file that the operator names, and nothing else.
    file: Type.String({ minLength: 1, path: "write", description: "Records are appended here." }),
  }),
  batch: { records: 1000 },
  async open({ config }) {
    const lines = encode.json("record", { join: "lines" });
    // What is wrong with the configuration is Fatal. Anything else that is thrown is tried again.
    await appendFile(config.file, "").catch((cause) => {
      throw new Fatal(\`\${config.file} cannot be written: \${cause.code}\`, { cause });
    });
    return {
      async write(batch, call) {
        for (const { body, batch: page } of lines.pages(batch)) {
          await appendFile(config.file, body);
          call.wrote(page); // what fails after this does not repeat this page
        }
      },
    };
  },
});
`,
  "conformance.ts": `import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConformanceFile } from "@sluice/sdk/testing";

/** What \`sluice plugin test\` needs: a configuration, and what the far end holds. */
const file: ConformanceFile = {
  "NAME": () => {
    const folder = mkdtempSync(join(tmpdir(), "NAME-"));
    const output = join(folder, "records.jsonl");
    return {
      config: { file: output },
      readBack() {
        const text = existsSync(output) ? readFileSync(output, "utf8") : "";
        return text.split("\\n").filter(Boolean).map((line) => JSON.parse(line).path);
      },
      end: () => rmSync(folder, { recursive: true }),
    };
  },
};

export default file;
`,
  "index.test.ts": `import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "@sluice/sdk/testing";
import definition from "./index.ts";

test("a record becomes a line of JSON", async (context) => {
  const folder = mkdtempSync(join(tmpdir(), "NAME-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "records.jsonl");
  const sink = await open(definition, { file });
  sink.deliver([{ path: "/a", responseCode: 404 }]);
  await sink.settled();
  await sink.close();
  const [line] = readFileSync(file, "utf8").split("\\n");
  assert.equal(JSON.parse(line!).path, "/a");
});
`,
  "README.md": `# NAME

A sink of Sluice: appends each record to a file, as a line of JSON.

\`\`\`sh
sluice plugin test              # all that a sink must stand
npm test                        # that, and its own tests
npm install && npm run check    # types
sluice plugin link .            # try it in a pump, reloaded when it changes
npm pack                        # a tarball, for others to add
\`\`\`

In pump.conf:

\`\`\`json
{ "pumps": { "NAME": { "type": "NAME", "meta": { "file": "records.jsonl" } } } }
\`\`\`
`,
  "tsconfig.json": `{
  "compilerOptions": {
    "target": "es2024",
    "lib": ["esnext"],
    "module": "nodenext",
    "types": ["node"],
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "erasableSyntaxOnly": true,
    "allowImportingTsExtensions": true
  }
}
`,
  ".gitignore": "node_modules/\n*.tgz\n",
};
