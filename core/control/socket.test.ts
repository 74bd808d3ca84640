import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { CouldNotRun } from "../../test/support/could-not-run.ts";
import { fakeSink, fakeStatus } from "../admin/fake-status.ts";
import { type ControlClient, controlClient } from "./client.ts";
import type { Control } from "./control.ts";
import { FAKE_LETTER, fakeControl } from "./fake-control.ts";
import { hasFolder, type Instance, instanceOf } from "./instance.ts";
import { type ControlSocket, serveControl } from "./socket.ts";

/** Nobody else: in every Linux. */
const NOBODY = 65534;

function runFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-run-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "run");
}

interface Scene {
  client: ControlClient;
  instance: Instance;
  asked: unknown[][];
  errors: string[];
  server: ControlSocket;
}

async function serve(change: Partial<Control> = {}, instance = place()): Promise<Scene> {
  const { control, asked } = fakeControl(change);
  const errors: string[] = [];
  const server = await serveControl(control, instance, { error: (message) => void errors.push(message) });
  onTestFinished(() => server.close().catch(() => {}));
  return { client: clientOf(instance.socket), instance, asked, errors, server };
}

const place = (base = runFolder()) => instanceOf("/etc/pump.conf", { SLUICE_RUN_DIR: base });
const clientOf = (socket: string, version = "1.2.3") => controlClient({ socket, name: "pump.conf", version });

interface Raw {
  method?: string;
  path?: string;
  headers?: { [name: string]: string };
  body?: string;
}

/** As no client of ours would ask. */
function ask({ socket }: Instance, { method = "GET", path = "/v1/about", headers = {}, body }: Raw) {
  return new Promise<{ status: number; code: string; text: string }>((resolve, reject) => {
    const asked = request({ socketPath: socket, method, path, headers: { Host: "localhost", ...headers } });
    asked.on("error", reject);
    asked.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      const code = text.startsWith("{") ? JSON.parse(text).error?.code : undefined;
      resolve({ status: response.statusCode!, code, text });
    });
    asked.end(body);
  });
}

/** What comes back on a connection that sends this and waits; resolves when it is cut. */
function raw({ socket }: Instance, sent: string): Promise<string> {
  return new Promise((resolve) => {
    const client = connect(socket);
    let text = "";
    client.on("data", (chunk) => (text += chunk));
    client.on("error", () => {});
    client.on("close", () => resolve(text));
    client.write(sent);
  });
}

/** A socket on which something else answers the same to all. */
async function answering(status: number, headers: { [name: string]: string }, body: object): Promise<string> {
  const base = runFolder();
  mkdirSync(base, { mode: 0o700 });
  const socket = join(base, "other.sock");
  const server = createServer((_, response) => response.writeHead(status, headers).end(JSON.stringify(body)));
  await once(server.listen(socket), "listening");
  onTestFinished(() => void server.close());
  return socket;
}

test("the client asks all that a pump can be asked", async () => {
  const { client, asked } = await serve();
  expect(await client.about()).toMatchObject({ version: "1.2.3", pid: 42 });
  expect((await client.status()).sinks[0]!.name).toBe("csv");
  await client.suspend("csv");
  await client.resume("csv");
  await client.stop();
  expect(await client.profile("csv", 2, true)).toEqual({ sink: "csv" });
  expect(await client.profileAll(3)).toEqual({ sinks: [] });
  expect(await client.letters.list({ sink: "csv", reason: "a&b", since: 1, until: 2, limit: 3 })).toEqual({
    ...{ letters: [FAKE_LETTER], more: null, totals: [], records: 1, bytes: 40 },
  });
  expect(await client.letters.show(FAKE_LETTER.id, true)).toMatchObject({ id: FAKE_LETTER.id });
  expect(await client.letters.replay({ ids: [FAKE_LETTER.id] })).toEqual({ records: 1, skipped: [] });
  expect(await client.letters.drop({})).toBe(2);
  expect(asked).toEqual([
    ["suspend", "csv"],
    ["resume", "csv"],
    ["stop"],
    ["profile", "csv", 2, true],
    ["profileAll", 3],
    ["list", { sink: "csv", reason: "a&b", since: 1, until: 2, limit: 3 }],
    ["show", FAKE_LETTER.id, true],
    ["replay", { ids: [FAKE_LETTER.id] }],
    ["drop", {}],
  ]);
});

test("who follows gets a snapshot at once and then one after the other, until he leaves", async () => {
  let delivered = 0;
  const { client } = await serve({ status: () => fakeStatus([fakeSink("csv", { delivered: ++delivered })]) });
  const seen: number[] = [];
  for await (const { sinks } of client.follow()) if (seen.push(sinks[0]!.delivered) === 4) break;
  expect(seen).toEqual([1, 2, 3, 4]);
});

test("a signal ends it without an error, and an end of the pump is one", async () => {
  const { client, server } = await serve();
  const ended = new AbortController();
  for await (const _ of client.follow(ended.signal)) ended.abort();
  for await (const _ of client.follow(ended.signal)) throw new Error("aborted before");
  const follow = async () => {
    for await (const _ of client.follow()) void server.close();
  };
  await expect(follow()).rejects.toMatchObject({
    ...{ code: "SLUICE_CONTROL_FAILED", message: expect.stringContaining("broke off") },
  });
});

test("errors arrive with their code, their sentence and their problems; what is unexpected tells nothing", async () => {
  const { client, errors } = await serve({
    resume: async () => {
      throw new Error("postgres://me:secret@host is down");
    },
  });
  await expect(client.suspend("../x y")).rejects.toMatchObject({
    ...{ code: "SLUICE_CONTROL_NO_SINK", message: "There is no sink ../x y. There are: csv." },
  });
  await expect(client.reload()).rejects.toMatchObject({
    ...{ code: "SLUICE_CONTROL_INVALID_CONFIGURATION", problems: ["here"] },
  });
  await expect(client.resume("csv")).rejects.toMatchObject({
    ...{ code: "SLUICE_CONTROL_FAILED", message: expect.not.stringContaining("secret") },
  });
  expect(errors).toHaveLength(1);
});

test("tap streams, and says how it broke off", async () => {
  const { client } = await serve();
  const seen: number[] = [];
  for await (const { index } of client.tap("csv", 4)) seen.push(index);
  expect(seen).toEqual([0, 1, 2, 3]);
  const broken = (async () => {
    for await (const { index } of client.tap("csv", 9)) seen.push(index);
  })();
  await expect(broken).rejects.toMatchObject({ code: "SLUICE_CONTROL_FAILED" });
  expect(seen).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 4]);
  await expect(client.tap("no", 1)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
    code: "SLUICE_CONTROL_NO_SINK",
  });
});

test("the socket is its owner's alone, and is gone with the server", async () => {
  const { instance, server } = await serve();
  const mode = (path: string) => lstatSync(path).mode & 0o777;
  expect([mode(instance.folder), mode(dirname(instance.folder)), mode(instance.socket)]).toEqual([0o700, 0o700, 0o600]);
  await server.close();
  expect(existsSync(instance.folder)).toBe(false);
});

test("a socket that was left behind is replaced, one that lives is respected", async () => {
  const first = await serve();
  await expect(serve({}, first.instance)).rejects.toMatchObject({ code: "SLUICE_CONTROL_IN_USE" });
  expect((await first.client.about()).pid).toBe(42);
  // As kill -9 leaves it: bound by a process that is gone.
  const base = runFolder();
  const { socket, folder } = place(base);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(base, 0o700);
  const code = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", code]);
  expect(existsSync(socket)).toBe(true);
  expect((await (await serve({}, place(base))).client.about()).pid).toBe(42);
});

describe("folders that are not to be trusted", () => {
  test("links, and folders that let others in", async () => {
    const base = runFolder();
    mkdirSync(base);
    const target = join(base, "elsewhere");
    mkdirSync(target, { mode: 0o700 });
    const { folder } = place(base);
    symlinkSync(target, folder);
    await expect(serve({}, place(base))).rejects.toMatchObject({ code: "SLUICE_CONTROL_FOLDER" });
    rmSync(folder);
    mkdirSync(folder);
    chmodSync(folder, 0o710);
    await expect(serve({}, place(base))).rejects.toMatchObject({ code: "SLUICE_CONTROL_FOLDER" });
    rmSync(folder, { recursive: true });
    chmodSync(base, 0o777);
    await expect(serve({}, place(base))).rejects.toMatchObject({ code: "SLUICE_CONTROL_FOLDER" });
    // Nobody can move what is another's in a folder like /tmp.
    chmodSync(base, 0o1777);
    expect((await (await serve({}, place(base))).client.about()).pid).toBe(42);
  });

  test("those of somebody else, also for the command that looks there", async () => {
    if (process.getuid?.() !== 0) throw new CouldNotRun("only root can give a folder away");
    const base = runFolder();
    const instance = place(base);
    mkdirSync(instance.folder, { recursive: true, mode: 0o700 });
    for (const folder of [base, instance.folder]) {
      chmodSync(base, 0o700);
      chownSync(folder, NOBODY, NOBODY);
      await expect(serve({}, instance)).rejects.toMatchObject({ code: "SLUICE_CONTROL_FOLDER" });
      expect(() => hasFolder(instance)).toThrow(/belongs to somebody else/);
      chownSync(folder, 0, 0);
    }
    expect(hasFolder(instance)).toBe(true);
    expect(hasFolder(place())).toBe(false);
  });

  test("a path that is too long for a socket", async () => {
    const long = join(runFolder(), "x".repeat(100));
    await expect(serve({}, place(long))).rejects.toMatchObject({ code: "SLUICE_CONTROL_LISTEN" });
  });
});

test("other users are refused", async () => {
  if (process.getuid?.() !== 0) throw new CouldNotRun("only root can try as another user");
  const { instance } = await serve();
  // Even where somebody has opened the folders.
  for (const folder of [dirname(dirname(instance.folder)), dirname(instance.folder), instance.folder]) {
    chmodSync(folder, 0o755);
  }
  const code = `
    process.setgroups([]); process.setgid(${NOBODY}); process.setuid(${NOBODY});
    require("net").connect(${JSON.stringify(instance.socket)})
      .on("connect", () => console.log("in")).on("error", ({ code }) => console.log(code)).unref()`;
  const tried = spawnSync(process.execPath, ["-e", code], { encoding: "utf8" });
  expect(tried.stdout.trim()).toBe("EACCES");
});

describe("the client says what to do", () => {
  test("where nothing runs", async () => {
    const { socket } = place();
    await expect(clientOf(socket).about()).rejects.toMatchObject({
      ...{ code: "SLUICE_CONTROL_NOT_RUNNING", message: expect.stringContaining("pump.conf") },
    });
  });

  test("where a pump of another version does not know the request", async () => {
    const error = { code: "SLUICE_CONTROL_NOT_FOUND", message: "There is no such path." };
    const socket = await answering(404, { "Sluice-Version": "0.9.0" }, { error });
    await expect(clientOf(socket).suspend("csv")).rejects.toMatchObject({
      ...{ code: "SLUICE_CONTROL_VERSION", message: expect.stringContaining("0.9.0") },
    });
  });

  test("where something else answers", async () => {
    const socket = await answering(200, {}, {});
    await expect(clientOf(socket).about()).rejects.toMatchObject({ code: "SLUICE_CONTROL_VERSION" });
  });
});

describe("hostile requests", () => {
  test("what a browser sends is refused, whatever it asks for", async () => {
    const { instance, asked } = await serve();
    const stop = { method: "POST", path: "/v1/stop" };
    const tried: Raw[] = [
      { ...stop, headers: { Origin: "http://localhost" } },
      { ...stop, headers: { Origin: "null" } },
      { ...stop, headers: { "Sec-Fetch-Site": "none" } },
      { ...stop, headers: { Referer: "http://localhost/" } },
      { ...stop, headers: { Host: "evil.example" } },
      { ...stop, headers: { Host: "127.0.0.1:8083" } },
      { method: "OPTIONS", path: "/v1/stop", headers: { Origin: "http://a", "Access-Control-Request-Method": "POST" } },
    ];
    for (const one of tried) {
      expect(await ask(instance, one)).toMatchObject({ status: 403, code: "SLUICE_CONTROL_DENIED" });
    }
    expect(asked).toEqual([]);
  });

  test("wrong types, giant bodies and headers, malformed bodies and values", async () => {
    const { instance, asked } = await serve();
    const drop = { method: "POST", path: "/v1/letters/drop" };
    const json = { "Content-Type": "application/json" };
    const form = { "Content-Type": "application/x-www-form-urlencoded" };
    const tried: [Raw, number][] = [
      [{ ...drop, headers: form, body: "sink=csv" }, 415],
      [{ ...drop, headers: { "Content-Type": "text/plain" }, body: "{}" }, 415],
      [{ method: "POST", path: "/v1/stop", headers: form }, 415],
      [{ ...drop, headers: json, body: JSON.stringify({ reason: "x".repeat(70_000) }) }, 413],
      [{ ...drop, headers: { ...json, "Transfer-Encoding": "chunked" }, body: " ".repeat(100_000) }, 413],
      [{ ...drop, headers: json, body: "{" }, 400],
      [{ ...drop, headers: json }, 400],
      [{ ...drop, headers: json, body: "[]" }, 400],
      [{ ...drop, headers: json, body: "null" }, 400],
      [{ ...drop, headers: json, body: '{"sinks": "csv"}' }, 400],
      [{ ...drop, headers: json, body: '{"__proto__": {"sink": "csv"}}' }, 400],
      [{ ...drop, headers: json, body: '{"since": "yesterday"}' }, 400],
      [{ ...drop, headers: json, body: '{"limit": -1}' }, 400],
      [{ ...drop, headers: json, body: '{"ids": "1-0"}' }, 400],
      [{ path: "/v1/letters?limit=100000" }, 400],
      [{ path: "/v1/letters?since=1e400" }, 400],
      [{ path: "/v1/sinks/csv/profile?seconds=-1" }, 400],
      [{ path: "/v1/sinks/csv/profile?seconds=121" }, 400],
      [{ path: "/v1/sinks/csv/profile?cpu=yes" }, 400],
      [{ path: "/v1/sinks/csv/tap?records=100000" }, 400],
      [{ path: "/v1/../../etc/passwd" }, 404],
      [{ path: "/v1/sinks/csv/suspend" }, 404],
      [{ method: "DELETE", path: "/v1/letters/1" }, 404],
      [{ path: "/v1/constructor" }, 404],
      [{ headers: { Large: "x".repeat(9000) } }, 431],
    ];
    for (const [one, status] of tried) {
      expect((await ask(instance, one)).status, JSON.stringify(one).slice(0, 200)).toBe(status);
    }
    expect(asked).toEqual([]);
    expect(await raw(instance, "nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("who sends slowly or opens many connections is cut off, and the others are served", async () => {
    const { instance, client } = await serve();
    const slow = [
      raw(instance, "GET /v1/about HTTP/1.1\r\nHost: local"),
      raw(instance, 'POST /v1/letters/drop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"s'),
    ];
    const many = Array.from({ length: 60 }, () => raw(instance, "GET "));
    const ended = await Promise.all([...slow, ...many]);
    expect(ended[1]).toMatch(/^HTTP\/1\.1 408 |^$/);
    expect((await client.about()).pid).toBe(42);
  });
});
