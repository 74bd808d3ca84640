import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { look, serveConsole, useConsole } from "./house.ts";

const VIEWS = ["#/", "#/sinks/mongo", "#/letters"];
const h1 = (page: Page) => page.getByRole("heading", { level: 1 });
const said = (page: Page, text: string | RegExp) => page.getByRole("status").getByText(text).waitFor();

async function show(page: Page, view: string): Promise<void> {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, view);
  await h1(page).waitFor();
}

describe("the page", () => {
  test("shows lists, log and sinks live, and loads nothing from outside", async () => {
    const { page, requests, outside, faults } = await useConsole();
    expect(await h1(page).textContent()).toBe("4 of 5 sinks take records; 3 things need a look.");
    expect(await page.locator(".flow h2").allTextContents()).toEqual(["Lists", "Log", "Sinks"]);
    const rows = page.locator("table.sinks tbody tr");
    expect(await rows.locator("th a").allTextContents()).toEqual([
      "mongo",
      "kafka-eu",
      "csv",
      "sql_aggregate",
      "splunk",
    ]);
    const rate = rows.first().locator("td.number").first();
    const first = await rate.textContent();
    await expect.poll(() => rate.textContent(), { timeout: 20_000 }).not.toBe(first);
    await expect
      .poll(async () => Number((await rate.textContent())?.replaceAll(",", "")), { timeout: 20_000 })
      .toBeGreaterThan(1000);
    const notices = await page.locator(".notices li").allTextContents();
    expect(notices[0]).toContain("splunk is suspended");
    expect(notices[0]).toContain("set collector_token");
    await expect.poll(() => page.locator(".plot canvas").count()).toBe(2);
    for (const view of VIEWS) await show(page, view);
    expect(outside).toEqual([]);
    expect(faults).toEqual([]);
    expect(new Set(requests)).toEqual(
      new Set(["/", "/page.js", "/page.css", "/icon.svg", "/v1/status", "/v1/about", "/v1/letters"]),
    );
  });

  test("keeps the token out of the address, and over a reload", async () => {
    const { page, console } = await useConsole();
    expect(page.url()).toBe(`http://127.0.0.1:${console.port}/#/`);
    await page.reload();
    await page.locator("table.sinks").waitFor();
    expect(await page.evaluate(() => [localStorage.length, document.cookie])).toEqual([0, ""]);
  });

  test("asks for a token where there is none, says that one is wrong, and takes the right one", async () => {
    const { page, console } = await useConsole({ open: false });
    await page.goto(`http://127.0.0.1:${console.port}/`);
    expect(await h1(page).textContent()).toBe("A token is needed");
    expect(await page.locator("main").textContent()).toContain("sluice console");
    await page.getByLabel("Token").fill("another-token-of-some-length");
    await page.getByRole("button", { name: "Open the console" }).click();
    await page.getByRole("alert").getByText("The token is missing or wrong").waitFor();
    await page.getByLabel("Token").fill("a-token-of-24-characters");
    await page.keyboard.press("Enter");
    await page.locator("table.sinks").waitFor();
  });

  test("follows the status, and only while it is seen", async () => {
    const { page, console, control, requests } = await useConsole({ open: false });
    const { status } = control;
    let made = 0;
    control.status = () => {
      made++;
      return status();
    };
    await page.clock.install();
    await page.goto(console.url);
    const asked = () => requests.filter((path) => path === "/v1/status").length;
    await expect.poll(() => made, { timeout: 20_000 }).toBeGreaterThan(3);
    expect(asked()).toBeLessThan(made - 1);
    const hide = (state: string) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "visibilityState", { value, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, state);
    await hide("hidden");
    await expect.poll(() => control.followers, { timeout: 20_000 }).toBe(0);
    const before = asked();
    await page.clock.runFor(60_000);
    expect(asked()).toBe(before);
    await hide("visible");
    await expect.poll(() => control.followers, { timeout: 20_000 }).toBe(1);
    expect(asked()).toBeGreaterThan(before);
  });

  test("follows anew when the answer breaks off, and tells nothing as long as the pump answers", async () => {
    const { page, control, console, requests } = await useConsole({ open: false });
    control.follow = async function* () {
      yield control.status();
    };
    await look(page, console.url);
    await expect
      .poll(() => requests.filter((path) => path === "/v1/status").length, { timeout: 20_000 })
      .toBeGreaterThan(3);
    expect(await page.getByText("Live", { exact: true }).count()).toBe(1);
    expect(await page.getByRole("status").textContent()).toBe("");
  });

  test("says that the pump has fallen silent", async () => {
    const { page, control, console } = await useConsole({ open: false });
    let followed = 0;
    control.follow = async function* () {
      if (followed++ === 0) yield control.status();
      await new Promise(() => {});
    };
    await page.clock.install();
    await look(page, console.url);
    await page.clock.runFor(5000);
    await page
      .getByRole("alert")
      .getByText("The pump did not answer in time. It is tried again every second")
      .waitFor();
    await said(page, "The pump does not answer.");
  });

  test("says that the pump is away, and goes on when it is back", async () => {
    const { page, control, console } = await useConsole();
    await console.close();
    await page.getByText("No answer").waitFor();
    expect(await page.getByRole("alert").textContent()).toContain(
      "The pump cannot be reached. It is tried again every second",
    );
    expect(await page.locator("table.sinks").count()).toBe(1);
    control.startedAt = Date.now();
    await serveConsole(control, console.port);
    await page.getByText("Live", { exact: true }).waitFor();
    await said(page, "The pump was started anew.");
  });
});

describe("a sink", () => {
  test("is suspended and resumed", async () => {
    const { page, control, faults } = await useConsole();
    await page.getByRole("link", { name: "csv" }).click();
    expect(await h1(page).textContent()).toBe("csv");
    await page.getByRole("button", { name: "Suspend" }).click();
    await said(page, "csv gets nothing more until it is resumed");
    await page.getByText("suspended by the operator").waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await said(page, "csv goes on.");
    await page.getByRole("button", { name: "Suspend" }).waitFor();
    expect(control.asked).toEqual(["suspend csv", "resume csv"]);
    expect(faults).toEqual([]);
  });

  test("shows its actors, and what it sends", async () => {
    const { page } = await useConsole();
    await show(page, "#/sinks/mongo");
    const actors = page.getByRole("table", { name: "Actors" });
    expect(await actors.getByRole("row").count()).toBe(3);
    await expect.poll(() => actors.getByRole("row").nth(1).textContent(), { timeout: 20_000 }).toMatch(/open2[01] %/);
    await page.getByRole("button", { name: "Look at 10 records" }).click();
    await said(page, "10 records.");
    expect(await page.locator("details.record").count()).toBe(10);
    expect(await page.getByText("left out by its filters").count()).toBe(3);
  });

  test("is profiled: what limits it, and a flame graph that goes by keys", async () => {
    const { page, control, faults } = await useConsole();
    await show(page, "#/sinks/mongo");
    const { promise, resolve } = Promise.withResolvers<void>();
    control.measured = promise;
    await page.getByRole("button", { name: "Measure 5 s" }).click();
    await page.getByText("Measuring for 5 seconds").waitFor();
    resolve();
    await page.getByText("It keeps up: most of the time it waits for records.").waitFor();
    expect(control.asked).toEqual(["profile mongo 5 true"]);
    const tree = page.getByRole("tree");
    const about = page.locator(".flame-about");
    await tree.getByRole("treeitem").first().focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => about.textContent()).toContain("run");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => about.textContent()).toContain("scan");
    const all = await tree.getByRole("treeitem").count();
    await page.keyboard.press("Enter");
    await expect.poll(() => tree.getByRole("treeitem").count()).toBeLessThan(all);
    await page.keyboard.press("Escape");
    await expect.poll(() => tree.getByRole("treeitem").count()).toBe(all);
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save as .cpuprofile" }).click();
    expect((await download).suggestedFilename()).toMatch(/^mongo-.*\.cpuprofile$/);
    expect(faults).toEqual([]);
  });

  test("that is not there is said so", async () => {
    const { page } = await useConsole();
    await show(page, "#/sinks/%E0%A4%A");
    expect(await h1(page).textContent()).toBe("No sink %E0%A4%A");
  });
});

describe("dead letters", () => {
  test("are listed, filtered and shown, personal fields blanked, and hostile text stays text", async () => {
    const { page, faults } = await useConsole();
    await show(page, "#/letters?sink=mongo");
    await page.getByRole("heading", { name: "19 letters" }).waitFor();
    await page.getByLabel("Reason contains").fill("<script>");
    await page.getByRole("button", { name: "Show", exact: true }).first().click();
    await page.getByRole("heading", { name: "4 letters" }).waitFor();
    await page
      .getByRole("table", { name: "4 letters" })
      .getByRole("button", { name: "Show the letter" })
      .first()
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("<img src=x onerror=alert(1)>").waitFor();
    expect(await dialog.textContent()).not.toContain("203.0.113.9");
    await dialog.getByLabel("Blank personal fields").uncheck();
    await dialog.getByText("203.0.113.9").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(await page.locator("main script, main img").count()).toBe(0);
    expect(faults).toEqual([]);
  });

  test("are dropped only after a question whose safe answer has the focus", async () => {
    const { page, control } = await useConsole();
    await show(page, "#/letters");
    await page.getByRole("heading", { name: "23 letters" }).waitFor();
    const drop = page.getByRole("button", { name: "Drop all 23" });
    await drop.focus();
    await page.keyboard.press("Enter");
    const dialog = page.getByRole("dialog", { name: "Drop 23 dead letters?" });
    await dialog.waitFor();
    expect(
      await dialog.getByRole("button", { name: "Cancel" }).evaluate((button) => button === document.activeElement),
    ).toBe(true);
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "detached" });
    expect(control.asked).toEqual([]);
    expect(await drop.evaluate((button) => button === document.activeElement)).toBe(true);
    await page.getByLabel("Sink").selectOption("kafka-eu");
    await page.getByRole("button", { name: "Show", exact: true }).first().click();
    await page.getByRole("button", { name: "Drop all 4" }).click();
    await page.getByRole("button", { name: "Drop them" }).click();
    await said(page, "4 are dropped.");
    expect(control.asked).toEqual(['drop {"sink":"kafka-eu"}']);
    expect(control.letterList).toHaveLength(19);
  });

  test("are replayed, those that were chosen alone", async () => {
    const { page, control } = await useConsole();
    await show(page, "#/letters");
    await page.getByRole("heading", { name: "23 letters" }).waitFor();
    const ids = control.letterList.slice(0, 2).map(({ id }) => id);
    for (const id of ids) await page.getByLabel(`Choose the letter ${id}`).check();
    await page.getByRole("button", { name: "Replay the 2 chosen" }).click();
    await page.getByRole("button", { name: "Replay them" }).click();
    await said(page, "2 go to their sinks again.");
    expect(control.asked).toEqual([`replay ${JSON.stringify({ ids })}`]);
    await page.getByRole("heading", { name: "21 letters" }).waitFor();
  });
});

test("a page of another origin reads, does, loads and frames nothing, even with the token", async () => {
  const { page, console, control } = await useConsole({ open: false });
  const evil = createServer((_, response) => {
    response.setHeader("Content-Type", "text/html").end("<!doctype html><title>Another origin</title>");
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void evil.close());
  await once(evil, "listening");
  await page.goto(`http://localhost:${(evil.address() as AddressInfo).port}/`);
  const got = await page.evaluate(async (target) => {
    const suspend = (options: RequestInit) =>
      fetch(`${target}/v1/sinks/csv/suspend`, { method: "POST", ...options }).then(
        ({ status, type }) => `${status} ${type}`,
        () => "refused",
      );
    const load = (name: "script" | "img", path: string) =>
      new Promise<string>((resolve) => {
        const element = document.createElement(name);
        element.onload = () => resolve("loaded");
        element.onerror = () => resolve("refused");
        element.src = `${target}${path}`;
        document.body.append(element);
      });
    // Each element's end is told by the browser: a frame that is refused has loaded an error.
    const frame = document.createElement("iframe");
    frame.name = "frame";
    const framed = () => new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    frame.src = `${target}/`;
    document.body.append(frame);
    await framed();
    const form = document.createElement("form");
    Object.assign(form, {
      action: `${target}/v1/letters/drop`,
      method: "post",
      enctype: "text/plain",
      target: "frame",
    });
    document.body.append(form);
    form.submit();
    await framed();
    return {
      withToken: await suspend({ headers: { Authorization: "Bearer a-token-of-24-characters" } }),
      simple: await suspend({ mode: "no-cors", credentials: "include" }),
      script: await load("script", "/page.js"),
      image: await load("img", "/icon.svg"),
    };
  }, new URL(console.url).origin);
  expect(got).toEqual({ withToken: "refused", simple: "refused", script: "refused", image: "refused" });
  expect(page.frames().map((frame) => frame.url())).toContain("chrome-error://chromewebdata/");
  expect(control.asked).toEqual([]);
});

describe("everybody", () => {
  test("can walk through it by keyboard, and sees where they are", async () => {
    const { page } = await useConsole();
    const seen: string[] = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      const { name, outline } = await page.evaluate(() => {
        const at = document.activeElement!;
        const shown = at.matches("input[type=radio]") ? at.nextElementSibling! : at;
        const { outlineStyle, outlineWidth } = getComputedStyle(shown);
        return {
          name: (at.textContent || (at as HTMLInputElement).value || "").trim(),
          outline: `${outlineStyle} ${outlineWidth}`,
        };
      });
      expect(outline, name).toBe("solid 2px");
      seen.push(name);
    }
    expect(seen.slice(0, 10)).toEqual([
      "Skip to the figures",
      "Sluice",
      "Overview",
      "Dead letters",
      "auto",
      "mongo",
      "kafka-eu",
      "csv",
      "sql_aggregate",
      "splunk",
    ]);
    await page.getByRole("link", { name: "kafka-eu" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "kafka-eu" }).waitFor();
    expect(await page.evaluate(() => document.activeElement?.tagName)).toBe("MAIN");
  });

  test("gets landmarks, headings in order, tables with headers, and names for all that can be used", async () => {
    const { page } = await useConsole();
    for (const view of VIEWS) {
      await show(page, view);
      for (const landmark of ["banner", "navigation", "main", "status"] as const) {
        expect(await page.getByRole(landmark).count(), `${view} ${landmark}`).toBe(1);
      }
      const found = await page.evaluate(() => ({
        levels: [...document.querySelectorAll("h1, h2, h3")].map(({ tagName }) => Number(tagName[1])),
        loose: [...document.querySelectorAll("table")].filter((table) => !table.querySelector("thead th[scope=col]"))
          .length,
        nameless: [...document.querySelectorAll("button, a, input, select, table, [role=img]")].filter(
          (element) =>
            !(element.textContent?.trim() || element.ariaLabel || element.getAttribute("aria-labelledby")) &&
            !(element as HTMLInputElement).labels?.length,
        ).length,
      }));
      expect(found.levels[0]).toBe(1);
      expect(found.levels.every((level, i) => i === 0 || level <= found.levels[i - 1]! + 1)).toBe(true);
      expect(found).toMatchObject({ loose: 0, nameless: 0 });
    }
  });

  test.each(["light", "dark"] as const)("can read it, %s", async (colorScheme) => {
    const { page } = await useConsole({ colorScheme });
    const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = (colour: string) => Number(/\d+/.exec(colour)) < 100;
    expect(dark(await paper())).toBe(colorScheme === "dark");
    for (const view of VIEWS) {
      await show(page, view);
      expect(await faint(page), view).toEqual([]);
    }
    const other = colorScheme === "dark" ? "light" : "dark";
    await page.getByText(other, { exact: true }).click();
    await expect.poll(async () => dark(await paper())).toBe(other === "dark");
    await page.reload();
    await page.locator("main").waitFor();
    expect(dark(await paper())).toBe(other === "dark");
  });

  test.each(VIEWS)("has room on wide and narrow screens: %s", async (view) => {
    const { page } = await useConsole();
    await show(page, view);
    for (const width of [1340, 1170, 1000, 770, 360]) {
      await page.setViewportSize({ width, height: 740 });
      const needed = () => page.evaluate(() => document.documentElement.scrollWidth);
      await expect.poll(needed, { message: `${width} wide` }).toBeLessThanOrEqual(width);
    }
  });
});

/** Texts whose contrast to what is behind them is below 4.5, as WCAG 2.2 AA asks. */
function faint(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true })!;
    const channels = (colours: string[]): number[] => {
      canvas.clearRect(0, 0, 1, 1);
      for (const colour of colours) {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
      }
      return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
    };
    const luminance = (rgb: number[]): number => {
      const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const behind = (element: Element | null): string[] =>
      element === null ? [] : [...behind(element.parentElement), getComputedStyle(element).backgroundColor];
    const texts = [...document.querySelectorAll("body *")].filter(
      (element) =>
        element.checkVisibility() &&
        !element.closest(".unseen, .skip, [aria-disabled=true]") &&
        [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim()),
    );
    return texts.flatMap((element) => {
      const back = behind(element);
      const [a, b] = [luminance(channels(back)), luminance(channels([...back, getComputedStyle(element).color]))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      return contrast >= 4.5
        ? []
        : [`${element.className || element.tagName} "${element.textContent?.slice(0, 30)}" ${contrast.toFixed(2)}`];
    });
  });
}
