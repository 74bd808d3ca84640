import { createServer } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { demoConfig } from "../config/load.ts";
import { createLogger } from "../logging/logger.ts";
import { fakeSession } from "./fake-parts.ts";
import type { Parts } from "./parts.ts";
import { type RunOptions, run } from "./run.ts";

const lines: string[] = [];
const logger = createLogger({ level: "debug", format: "text", write: (line) => lines.push(line) });

/** What must be ended whatever a test does. */
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of open.splice(0)) await end();
});

async function start(port: number, more: Partial<RunOptions> = {}, change: (parts: Parts) => void = () => {}) {
  const { parts, calls } = fakeSession();
  change(parts);
  const { config } = demoConfig({ cwd: "/" });
  const full = { ...config, health: { host: "127.0.0.1", port, endpoint: "health" } };
  const log = await parts.createLog(full, logger);
  const running = await run({ config: full, log, parts, logger, ...more }).catch((error: unknown) => {
    throw Object.assign(error as Error, { calls });
  });
  return { running, calls };
}

async function busyPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  open.push(() => server.close());
  return (server.address() as { port: number }).port;
}

test("starts the pump, then health; stops both", async () => {
  const { running, calls } = await start(0);
  expect((await fetch(`http://127.0.0.1:${running.port}/health`)).status).toBe(200);
  await running.stop();
  expect(calls).toEqual(["start", "stop"]);
  await expect(fetch(`http://127.0.0.1:${running.port}/health`)).rejects.toThrow();
  expect(lines.at(-1)).toMatch(/message="Stopped in \d/);
});

test("a port in use ends the start, and the pump that had begun", async () => {
  await expect(start(await busyPort())).rejects.toMatchObject({
    code: "SLUICE_ADMIN_PORT_IN_USE",
    calls: ["start", "stop"],
  });
});

test("the demonstration takes another port instead", async () => {
  const busy = await busyPort();
  const { running } = await start(busy, { health: "free" });
  open.push(running.stop);
  expect(running.port).not.toBe(busy);
  expect((await fetch(`http://127.0.0.1:${running.port}/livez`)).status).toBe(200);
});

test("no health where none is wanted", async () => {
  const { running } = await start(0, { health: "none" });
  expect(running.port).toBeNull();
  await running.stop();
});

test("a stop that hangs ends all the same", async () => {
  const { running } = await start(0, { health: "none" }, (parts) => {
    const { createPump } = parts;
    parts.createPump = async (options) => ({ ...(await createPump(options)), stop: () => new Promise(() => {}) });
  });
  vi.useFakeTimers();
  try {
    const stopped = expect(running.stop()).rejects.toThrow(/nothing is lost/);
    await vi.advanceTimersByTimeAsync(31_000);
    await stopped;
  } finally {
    vi.useRealTimers();
  }
});
