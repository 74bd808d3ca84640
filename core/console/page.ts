import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CONSOLE_ERROR_CODES, ConsoleError } from "./errors.ts";

export interface Asset {
  type: string;
  body: Uint8Array<ArrayBuffer>;
}

/** The page's files by their paths. */
export type Page = ReadonlyMap<string, Asset>;

const SOURCES = fileURLToPath(new URL("./page/", import.meta.url));
/** Made for a release by build.ts; in a checkout the page is bundled when it is first asked for. */
export const BUILT = fileURLToPath(new URL("./built/", import.meta.url));

let loading: Promise<Page> | undefined;

/** Throws ConsoleError. What failed is tried again at the next call. */
export function loadPage(): Promise<Page> {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load(): Promise<Page> {
  const { script, style } = existsSync(BUILT) ? readBuilt() : await bundlePage();
  const file = (name: string) => new Uint8Array(readFileSync(`${SOURCES}${name}`));
  return new Map([
    ["/", { type: "text/html; charset=utf-8", body: file("index.html") }],
    ["/icon.svg", { type: "image/svg+xml", body: file("icon.svg") }],
    ["/page.js", { type: "text/javascript; charset=utf-8", body: script }],
    ["/page.css", { type: "text/css; charset=utf-8", body: style }],
  ]);
}

export interface Bundled {
  script: Uint8Array<ArrayBuffer>;
  style: Uint8Array<ArrayBuffer>;
}

function readBuilt(): Bundled {
  const read = (name: string) => new Uint8Array(readFileSync(`${BUILT}${name}`));
  return { script: read("page.js"), style: read("page.css") };
}

/** Takes a tenth of a second, outside of this thread. */
export async function bundlePage(): Promise<Bundled> {
  try {
    const esbuild = await import("esbuild");
    const { outputFiles } = await esbuild.build({
      absWorkingDir: SOURCES,
      entryPoints: { page: "main.tsx", "page-style": "style.css" },
      outdir: "out",
      bundle: true,
      write: false,
      minify: true,
      format: "esm",
      target: "es2022",
      charset: "utf8",
      jsx: "automatic",
      jsxImportSource: "preact",
      legalComments: "eof",
      logLevel: "silent",
    });
    // Its process would stay for as long as this one.
    await esbuild.stop();
    const output = (ending: string) => new Uint8Array(outputFiles.find(({ path }) => path.endsWith(ending))!.contents);
    return { script: output(".js"), style: output(".css") };
  } catch (cause) {
    throw new ConsoleError(CONSOLE_ERROR_CODES.page, "The console's page cannot be bundled: install Sluice anew.", {
      cause,
    });
  }
}
