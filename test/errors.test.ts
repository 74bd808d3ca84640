import { expect, test } from "vitest";
import { read, sourceFiles } from "./sources.ts";

/** A code is a quoted name of at least three parts; variables of the environment are never quoted whole in the sources. */
const CODE = /["'`](SLUICE_[A-Z]+_[A-Z_]+[A-Z])["'`]/g;

function codesIn(text: string): string[] {
  return [...text.matchAll(CODE)].map(([, code]) => code!);
}

const sources = sourceFiles("{core,sdk,plugins}/**/*.{ts,js}").filter(
  (path) => !/\.test\.ts$|\/testing\/tried/.test(path),
);

test("docs/errors.md has every code of core, sdk and plugins, each once, with its mend, and no other", () => {
  const document = read("docs/errors.md");
  const described = [...document.matchAll(/^\| `(SLUICE_[A-Z_]+)` \| .+\. \| .+\. \|$/gm)].map(([, code]) => code!);
  const used = new Set(sources.flatMap((path) => codesIn(read(path))));
  expect(described.toSorted(), "each code needs a row: | `CODE` | What it means. | What to do. |").toEqual(
    [...used].sort(),
  );
});
