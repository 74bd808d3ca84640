import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { watchFile } from "./watch-file.ts";

function useFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "pump.conf");
  writeFileSync(file, text);
  return file;
}

test("a file that has another content is told once, however often it was written", async () => {
  const file = useFile("1");
  const [changed, failed] = [vi.fn(), vi.fn()];
  onTestFinished(watchFile(file, changed, failed));
  for (const text of ["2", "3", "4"]) writeFileSync(file, text);
  await vi.waitFor(() => expect(changed).toHaveBeenCalledOnce(), 10_000);
  expect(failed).not.toHaveBeenCalled();
});

test("one that cannot be watched is told, and ends nobody", () => {
  const file = useFile("1");
  const failed = vi.fn();
  watchFile(join(file, "..", "gone", "pump.conf"), () => {}, failed)();
  expect(failed).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ code: "ENOENT" }));
});
