import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLogger, type LogFormat } from "../logging/index.ts";
import { foreignWords, lastWords } from "./words.ts";

function words(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-words-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "words");
  writeFileSync(file, text);
  return file;
}

test.each(["text", "json", "legacy"] satisfies LogFormat[])(
  "errors in the format %s are read as sentences",
  (format) => {
    let text = "";
    const logger = createLogger({ level: "info", format, write: (line) => (text += line) });
    logger.info("nothing of interest");
    logger.error('the port "8083" is in use', { code: "EADDRINUSE" });
    logger.fatal("Stopped");
    logger.fatal("Stopped");
    expect(lastWords(words(text))).toEqual(['the port "8083" is in use', "Stopped"]);
    expect(foreignWords(words(`${text}\nFATAL ERROR: no heap\n{"half": 1\n`))).toEqual([
      "FATAL ERROR: no heap",
      '{"half": 1',
    ]);
  },
);

test("without an error: the last lines; a command's own error; nothing", () => {
  let text = "";
  createLogger({ level: "info", format: "text", write: (line) => (text += line) }).info("all well");
  expect(lastWords(words(`${text}Segmentation fault\n`))).toEqual(["all well", "Segmentation fault"]);
  expect(lastWords(words("sluice: error: It runs already.\n    at stack\n"))).toEqual(["It runs already."]);
  expect(lastWords("/nowhere")).toEqual([]);
});
