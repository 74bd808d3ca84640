import { expect, test } from "vitest";
import { read, sourceFiles } from "./sources.ts";

/** In pieces, so that this file does not hold them. */
const FOREIGN = ["/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "registry" + ".npmjs", "registry" + ".yarnpkg"];

test("no file names a folder of somebody's machine or a package registry", () => {
  const files = [
    ...sourceFiles("*"),
    ...sourceFiles(
      "{core,sdk,plugins,test,bench,scripts,docs,.ci}/**/*.{ts,tsx,js,json,jsonl,md,sh,yml,yaml,html,css,txt}",
    ),
  ];
  expect(files).toContain("package-lock.json");
  const found = files.flatMap((file) => {
    const text = read(file);
    return FOREIGN.filter((foreign) => text.includes(foreign)).map((foreign) => `${file}: ${foreign}`);
  });
  expect(found).toEqual([]);
});
