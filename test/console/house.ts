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

export interface Visit {
  page: Page;
  /** Paths that the page asked for, and what went wrong in it. */
  requests: string[];
  faults: string[];
  /** Requests to anything but the console. */
  outside: string[];
}

export interface House extends Visit {
  control: FakeControl;
  console: Console;
}

/** A page of a real browser that is to show the console at this address; it ends with the test. */
export async function usePage(console: string, options: BrowserContextOptions = {}): Promise<Visit> {
  browser ??= startChromium();
  const context = await (await browser).newContext({ viewport: { width: 1360, height: 900 }, ...options });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  const visit: Visit = { page, requests: [], faults: [], outside: [] };
  page.on("request", (request) => {
    const { origin, pathname } = new URL(request.url());
    if (origin === new URL(console).origin) visit.requests.push(pathname);
    else visit.outside.push(request.url());
  });
  page.on("pageerror", (error) => visit.faults.push(error.message));
  page.on("dialog", (dialog) => visit.faults.push(`a dialog: ${dialog.message()}`));
  page.on("console", (message) => {
    if (message.type() === "error") visit.faults.push(message.text());
  });
  return visit;
}

/** A console over a pump whose figures move, and a page that shows it; both end with the test. */
export async function useConsole({
  open = true,
  ...options
}: BrowserContextOptions & { open?: boolean } = {}): Promise<House> {
  const control = fakeControl();
  const console = await serveConsole(control);
  const visit = await usePage(console.url, options);
  if (open) await look(visit.page, console.url);
  return { ...visit, control, console };
}

/** Opens the console and waits until it shows sinks. */
export async function look(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.locator("table.sinks").waitFor();
}

/** Tabs on until what has this role and name has the focus, as somebody without a mouse does. */
export async function tabTo(page: Page, role: Parameters<Page["getByRole"]>[0], name: string | RegExp): Promise<void> {
  const wanted = page.getByRole(role, { name, ...(typeof name === "string" && { exact: true }) }).first();
  await wanted.waitFor();
  for (let presses = 0; presses < 100; presses++) {
    await page.keyboard.press("Tab");
    if (await wanted.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`No way by Tab to the ${role} "${name}"`);
}

/** `port`: 0 for any. */
export async function serveConsole(control: FakeControl, port = 0): Promise<Console> {
  const { fetch } = controlRoutes(control, { error: () => {} });
  const served = await startConsole({ host: "127.0.0.1", port, token: TOKEN, api: (request) => fetch(request) });
  onTestFinished(() => served.close());
  return served;
}
