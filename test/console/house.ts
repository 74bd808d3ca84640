import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, onTestFinished } from "vitest";
import { type Console, startConsole } from "../../core/console/server.ts";
import { type FakeControl, fakeControl } from "../../core/console/testing/fake-control.ts";
import { controlRoutes } from "../../core/control/routes.ts";
import { startChromium } from "../support/chromium.ts";

const TOKEN = "a-token-of-24-characters";

let browser: Promise<Browser> | undefined;

afterAll(async () => {
  await (await browser?.catch(() => undefined))?.close();
});

export interface House {
  page: Page;
  control: FakeControl;
  console: Console;
  /** Paths that the page asked for, and what went wrong in it. */
  requests: string[];
  faults: string[];
  /** Requests to anything but the console. */
  outside: string[];
}

/** A console over a pump whose figures move, and a page that shows it; both end with the test. */
export async function useConsole({
  open = true,
  ...options
}: BrowserContextOptions & { open?: boolean } = {}): Promise<House> {
  browser ??= startChromium();
  const context = await (await browser).newContext({ viewport: { width: 1360, height: 900 }, ...options });
  onTestFinished(() => context.close());
  const control = fakeControl();
  const console = await serveConsole(control);
  const page = await context.newPage();
  const house: House = { page, control, console, requests: [], faults: [], outside: [] };
  page.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    if (origin === `http://127.0.0.1:${console.port}`) house.requests.push(pathname);
    else house.outside.push(request.url());
  });
  page.on("pageerror", (error) => house.faults.push(error.message));
  page.on("dialog", (dialog) => house.faults.push(`a dialog: ${dialog.message()}`));
  page.on("console", (message) => {
    if (message.type() === "error") house.faults.push(message.text());
  });
  if (open) {
    await page.goto(console.url);
    await page.locator("table.sinks").waitFor();
  }
  return house;
}

/** `port`: 0 for any. */
export async function serveConsole(control: FakeControl, port = 0): Promise<Console> {
  const { fetch } = controlRoutes(control, { error: () => {} });
  const served = await startConsole({ host: "127.0.0.1", port, token: TOKEN, api: (request) => fetch(request) });
  onTestFinished(() => served.close());
  return served;
}
