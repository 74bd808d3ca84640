import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { flamePage } from "../../core/cli/flame-page.ts";
import { fakeProfile } from "../../core/control/fake-profile.ts";
import { flameOf } from "../../core/control/flame.ts";
import { startChromium } from "../support/chromium.ts";

test("the page of a flame graph draws, finds and zooms, from a file and without a network", async () => {
  const profile = fakeProfile({});
  const folder = mkdtempSync(join(tmpdir(), "sluice-flame-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "csv.html");
  writeFileSync(file, flamePage(profile, flameOf(profile.cpu!.profile, profile.cpu!.host)));
  const browser = await startChromium();
  onTestFinished(() => browser.close());
  const page = await browser.newPage({ colorScheme: "dark" });
  const faults: string[] = [];
  page.on("pageerror", ({ message }) => faults.push(message));
  page.on("console", (message) => faults.push(message.text()));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) faults.push(request.url());
  });
  await page.goto(pathToFileURL(file).href);

  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("csv: where its CPU time goes");
  const bars = page.locator("#flame button");
  expect(await bars.allTextContents()).toEqual(["(all)", "receive", "encodePage"]);
  expect(await bars.nth(2).getAttribute("class")).toBe("plugin");
  const [all, inner] = await Promise.all([bars.nth(0).boundingBox(), bars.nth(2).boundingBox()]);
  expect(inner!.width / all!.width).toBeCloseTo(0.75, 1);
  expect(await page.locator("#key").textContent()).toContain("the plugin and its packages 75.0 %");
  expect(await page.locator("#bar .plugin").evaluate(({ clientWidth }) => clientWidth)).toBeGreaterThan(100);

  await page.getByRole("searchbox").fill("INDEX.TS");
  expect(await page.getByRole("status").textContent()).toBe("75.0 % of the time");
  expect(await page.locator("#flame .hit").allTextContents()).toEqual(["encodePage"]);

  await bars.nth(2).focus();
  await page.keyboard.press("Enter");
  expect(await page.locator("#about").textContent()).toContain("encodePage  plugins/csv/index.ts:42");
  expect((await bars.nth(2).boundingBox())!.width).toBeCloseTo(all!.width, -1);
  await page.keyboard.press("Escape");
  expect((await bars.nth(2).boundingBox())!.width).toBeCloseTo(inner!.width, -1);
  expect(faults).toEqual([]);
});
