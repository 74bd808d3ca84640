import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { fakeStatus } from "../admin/fake-status.ts";
import type { Control } from "../control/control.ts";
import { fakeControl } from "../control/fake-control.ts";
import { createFollow } from "../control/follow.ts";
import { instanceOf } from "../control/instance.ts";
import { controlRoutes } from "../control/routes.ts";
import { serveControl } from "../control/socket.ts";
import { proxyTo } from "./proxy.ts";
import { type Console, type ConsoleOptions, startConsole } from "./server.ts";

const TOKEN = "a-token-of-24-characters";
const PATIENCE = { timeout: 20_000 };
const quiet = { error: () => {} };

/** A pump whose snapshots are numbered, and how many follow them. */
function pump() {
  let made = 0;
  const followed = createFollow(() => ({ ...fakeStatus([]), startedAt: made++ }), 10);
  const seen = { followers: 0 };
  const { control } = fakeControl({
    async *follow() {
      seen.followers++;
      try {
        yield* followed();
      } finally {
        seen.followers--;
      }
    },
  });
  return { control, seen };
}

async function serve(api: ConsoleOptions["api"]): Promise<Console> {
  const console = await startConsole({ host: "127.0.0.1", port: 0, token: TOKEN, api });
  onTestFinished(() => console.close());
  return console;
}

function within(control: Control) {
  const { fetch } = controlRoutes(control, quiet);
  return serve((request) => fetch(request));
}

async function beside(control: Control) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-follow-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const instance = instanceOf("/etc/pump.conf", { SLUICE_RUN_DIR: join(folder, "run") });
  const socket = await serveControl(control, instance, quiet);
  onTestFinished(() => socket.close().catch(() => {}));
  return { console: await serve(proxyTo(instance.socket)), socket };
}

async function follow({ port }: Console) {
  const headers = { Authorization: `Bearer ${TOKEN}` };
  const asked = request({ host: "127.0.0.1", port, path: "/v1/status?follow=true", headers, agent: false }).end();
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return { answer, lines: createInterface({ input: answer })[Symbol.asyncIterator]() };
}

test.each([
  ["in the pump", within],
  ["beside it", async (control: Control) => (await beside(control)).console],
])("a console %s hands each snapshot on when it is made, and follows no more once nobody does", async (_, start) => {
  const { control, seen } = pump();
  const { answer, lines } = await follow(await start(control));
  expect([answer.statusCode, answer.headers["content-type"]]).toEqual([200, "application/x-ndjson"]);
  for (let i = 0; i < 4; i++) expect(JSON.parse((await lines.next()).value ?? "")).toMatchObject({ startedAt: i });
  expect(seen.followers).toBe(1);
  answer.destroy();
  await expect.poll(() => seen.followers, PATIENCE).toBe(0);
});

test("a pump that ends in the middle is the last line of the console beside it", async () => {
  const { control } = pump();
  const { console, socket } = await beside(control);
  const { lines } = await follow(console);
  await lines.next();
  await socket.close();
  const rest: string[] = [];
  for await (const line of lines) rest.push(line);
  expect(JSON.parse(rest.at(-1)!)).toMatchObject({ error: { code: "SLUICE_CONTROL_NOT_RUNNING" } });
});
