import { once } from "node:events";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { encodeMsgpack } from "@sluice/sdk/record";
import { expect, onTestFinished, test, vi } from "vitest";
import type { HttpCheck } from "../../core/config/config.ts";
import { LIST, push, recordOf } from "../support/gateway.ts";
import { freePort, type TestRedis } from "../support/redis.ts";
import { type SluiceProcess, useFolder, useRedis, useSluiceWith } from "../support/sluice.ts";
import { look, tabTo, usePage, type Visit } from "./house.ts";

// A real pump, a real Redis, a real browser: on a busy machine each takes its time to begin.
vi.setConfig({ testTimeout: 120_000 });

const TOKEN = "a-token-of-24-characters";
const SECRET = "hunter2-which-nobody-may-see";
const PATIENCE = { timeout: 30_000 };

interface Scene extends Visit {
  redis: TestRedis;
  pump: SluiceProcess;
  url: string;
  /** Of a sink's own output. */
  file(sink: string): string;
}

/** A pump with four sinks, one of which refuses some records and one of which cannot reach its far end, and its console. */
async function scene(uptime: readonly HttpCheck[] = []): Promise<Scene> {
  const redis = await useRedis();
  const folder = useFolder();
  const file = (sink: string) => join(folder, `${sink}.out`);
  writeFileSync(`${file("picky")}.strict`, "");
  const port = await freePort();
  const sinks = {
    good: { type: "good", module: "good.ts", config: { password: SECRET } },
    picky: { type: "picky", module: "picky.ts" },
    busy: { type: "burns", module: "burning.ts", config: { ms: 100 } },
    away: { type: "gated", module: "gated.ts" },
  };
  const tests = { concurrency: 2, failures: 1, successes: 1, expireMs: 0, report: false, checks: [...uptime] };
  const more = {
    console: { host: "127.0.0.1", port, token: TOKEN },
    ...(uptime.length > 0 && { uptime: tests }),
  };
  const pump = await useSluiceWith(redis, sinks, { folder, more });
  await expect.poll(() => pump.output, PATIENCE).toContain("Serving the console");
  const url = `http://127.0.0.1:${port}/#token=${TOKEN}`;
  const visit = await usePage(url);
  await look(visit.page, url);
  return { ...visit, redis, pump, url, file };
}

const linesOf = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : []);

async function poison({ redis }: Scene, ...numbers: number[]): Promise<void> {
  const records = numbers.map((n) => Buffer.from(encodeMsgpack({ ...recordOf(n), path: "/poison" })));
  await redis.client.rpush(LIST, ...records);
}

test("by keyboard: a sink is suspended, its backlog grows while the others go on, and it has all once it is resumed", async () => {
  const all = await scene();
  const { page, redis, pump, file, faults, outside } = all;
  await tabTo(page, "link", "good");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "good" }).waitFor();
  await expect.poll(() => page.locator(".head .state").textContent(), PATIENCE).toBe("open");
  await tabTo(page, "button", "Suspend");
  await page.keyboard.press("Enter");
  await page.locator(".head").getByText("suspended by hand").waitFor();
  await push(redis.client, 0, 500);
  await pump.drained(redis, ["picky", "busy"]);
  const behind = page.locator("dl.figures > div").filter({ hasText: "Behind" });
  await expect.poll(() => behind.textContent(), PATIENCE).toContain("500");
  expect(linesOf(file("good"))).toEqual([]);
  // The focus is where it was: on the button that says the opposite now.
  expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Resume");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator(".head .state").textContent(), PATIENCE).toBe("open");
  await expect.poll(() => behind.textContent(), PATIENCE).toContain("Behind0");
  expect(linesOf(file("good"))).toHaveLength(500);
  expect(await page.locator(".head .reason").count()).toBe(0);
  expect(faults).toEqual([]);
  expect(outside).toEqual([]);
});

test("by keyboard: dead letters are listed, shown, replayed and dropped", async () => {
  const all = await scene();
  const { page, redis, pump, file, faults } = all;
  await push(redis.client, 0, 20);
  await poison(all, 100, 101, 102);
  await pump.drained(redis, ["picky"]);
  await tabTo(page, "link", "Dead letters");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "3 letters" }).waitFor();
  await page.getByRole("button", { name: "no poison yet" }).waitFor();

  await tabTo(page, "button", "Show");
  // The form's own comes first.
  await tabTo(page, "button", /^Show the letter/);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Dead letter" });
  await dialog.getByText("/poison", { exact: true }).first().waitFor();
  expect(await dialog.textContent()).not.toContain("203.0.113.7");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });

  // One is replayed, now that it is taken.
  rmSync(`${file("picky")}.strict`);
  await page.locator("main").focus();
  await tabTo(page, "checkbox", /^Choose the letter/);
  await page.keyboard.press("Space");
  await page.locator("main").focus();
  await tabTo(page, "button", "Replay the 1 chosen");
  await page.keyboard.press("Enter");
  await tabTo(page, "button", "Replay them");
  await page.keyboard.press("Enter");
  await expect.poll(() => linesOf(file("picky")).filter((line) => line.endsWith(" /poison")), PATIENCE).toHaveLength(1);
  // What goes to its sink is a letter until it is delivered.
  await expect
    .poll(async () => {
      await page.getByRole("button", { name: "Show", exact: true }).first().click();
      return page.locator("h2#letters").textContent();
    }, PATIENCE)
    .toBe("2 letters");

  await page.locator("main").focus();
  await tabTo(page, "button", "Drop all 2");
  await page.keyboard.press("Enter");
  await tabTo(page, "button", "Drop them");
  await page.keyboard.press("Enter");
  await page.getByText("There are none.").waitFor();
  expect(linesOf(file("picky"))).toHaveLength(21);
  expect(faults).toEqual([]);
});

test("by keyboard: a sink that burns its time is profiled, and the flame graph names the function", async () => {
  const all = await scene();
  const { page, redis, faults } = all;
  await tabTo(page, "link", "busy");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "busy" }).waitFor();
  await push(redis.client, 0, 20_000);
  await tabTo(page, "button", "Measure 5 s");
  await page.keyboard.press("Enter");
  await page.getByText("Measuring for 5 seconds").waitFor();
  const tree = page.getByRole("tree");
  await tree.waitFor(PATIENCE);
  const heaviest = page.getByRole("table", { name: "Functions with most time of their own" });
  expect(await heaviest.getByRole("row").nth(1).textContent()).toContain("burnInThePlugin");
  expect(await page.locator(".verdict").textContent()).toMatch(/thread|busy/);
  // What has the most time stands first; down to it, and in.
  await tabTo(page, "treeitem", /.*/);
  const about = page.locator(".flame-about strong");
  for (let depth = 0; depth < 40 && (await about.textContent()) !== "burnInThePlugin"; depth++) {
    await page.keyboard.press("ArrowDown");
  }
  expect(await about.textContent()).toBe("burnInThePlugin");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Show all" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Show all" }).waitFor({ state: "detached" });
  expect(faults).toEqual([]);
});

test("a far end that is away, services under test, and no secret anywhere", async () => {
  const server = createServer((_, response) => void response.writeHead(204).end()).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const check = (name: string, port: number): HttpCheck => ({
    ...{ name, kind: "http", method: "GET", body: "", apiId: "", orgId: "", insecure: false },
    ...{ url: `http://127.0.0.1:${port}/`, target: `http://127.0.0.1:${port}/`, intervalMs: 1000, timeoutMs: 1000 },
    headers: { Authorization: SECRET },
    expect: [[200, 299]],
  });
  const { port } = server.address() as AddressInfo;
  const all = await scene([check("orders", port), check("billing", await freePort())]);
  const { page, redis, url, faults } = all;
  const seen: string[] = [];
  page.on("response", async (response) => void seen.push(await response.text().catch(() => "")));
  await push(redis.client, 0, 100);
  const notices = page.locator(".notices");
  await notices.getByText("the gate is closed").waitFor(PATIENCE);
  await notices.getByText("Service billing is down").waitFor(PATIENCE);
  const row = (name: string) => page.getByRole("table", { name: "Services under test" }).getByRole("row", { name });
  await expect.poll(() => row("orders").textContent(), PATIENCE).toMatch(/^ordersup.*204.*none$/);
  await expect.poll(() => row("billing").textContent(), PATIENCE).toMatch(/^billingdown.*–.*\d+ connect$/);
  await page.getByRole("link", { name: "good", exact: true }).click();
  await page.getByRole("button", { name: "Look at 10 records" }).waitFor();
  expect(await page.content()).not.toContain(SECRET);
  // What the page follows has no end that could be waited for; this is one of it.
  const status = await fetch(new URL("/v1/status", url), { headers: { Authorization: `Bearer ${TOKEN}` } });
  seen.push(await status.text());
  expect(seen.at(-1)).toContain("billing");
  expect(seen.join()).not.toContain(SECRET);
  expect(faults).toEqual([]);
});
