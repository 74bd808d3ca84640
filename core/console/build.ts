/** For a release: `node core/console/build.ts` bundles the page, so that it need not be when it is first asked for. */
import { mkdirSync, writeFileSync } from "node:fs";
import { BUILT, bundlePage } from "./page.ts";

const { script, style } = await bundlePage();
mkdirSync(BUILT, { recursive: true });
writeFileSync(`${BUILT}page.js`, script);
writeFileSync(`${BUILT}page.css`, style);
