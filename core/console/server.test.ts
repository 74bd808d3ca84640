import { request } from "node:http";
import { connect } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { fakeControl } from "../control/fake-control.ts";
import { controlRoutes } from "../control/routes.ts";
import { CONSOLE_ERROR_CODES } from "./errors.ts";
import { type Console, startConsole } from "./server.ts";

const TOKEN = "a-token-of-24-characters";
const open: Console[] = [];

afterEach(async () => {
  for (const console of open.splice(0)) await console.close();
});

async function start(more: Partial<Parameters<typeof startConsole>[0]> = {}) {
  const { control, asked } = fakeControl();
  const { fetch } = controlRoutes(control, { error: () => {} });
  const api = (request: Request) => fetch(request);
  const console = await startConsole({ host: "127.0.0.1", port: 0, token: TOKEN, api, ...more });
  open.push(console);
  return { console, asked };
}

interface Answer {
  status: number;
  headers: { [name: string]: string | string[] | undefined };
  text: string;
}

/** Not `fetch`, which sets Host itself. */
function ask(
  { port }: Console,
  path: string,
  { method = "GET", headers = {}, body = "" }: { method?: string; headers?: object; body?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({
      port,
      host: "127.0.0.1",
      path,
      method,
      agent: false,
      headers: { Host: `127.0.0.1:${port}`, ...headers },
    });
    asked.on("error", reject);
    asked.on("response", async (response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode!, headers: response.headers, text });
    });
    asked.end(body);
  });
}

const withToken = (token: string) => ({ Authorization: `Bearer ${token}` });
const codeOf = ({ text }: Answer) => JSON.parse(text).error.code;

describe("the token", () => {
  test("opens the control routes; without it, or with another, nothing does", async () => {
    const { console, asked } = await start();
    const good = await ask(console, "/v1/about", { headers: withToken(TOKEN) });
    expect(good.status).toBe(200);
    expect(JSON.parse(good.text)).toMatchObject({ pid: 42 });
    const wrong = [
      {},
      withToken("b-token-of-24-characters"),
      withToken(TOKEN.slice(0, -1)),
      withToken(`${TOKEN}x`),
      { Authorization: `Basic ${TOKEN}` },
      { Authorization: `Bearer` },
      { Authorization: `Bearer ${TOKEN} ${TOKEN}` },
      { Cookie: `token=${TOKEN}` },
    ];
    for (const headers of wrong) {
      const answer = await ask(console, "/v1/sinks/csv/suspend", { method: "POST", headers });
      expect(answer.status, JSON.stringify(headers)).toBe(401);
      expect(codeOf(answer)).toBe(CONSOLE_ERROR_CODES.token);
      expect(answer.text).not.toContain(TOKEN);
    }
    expect((await ask(console, `/v1/about?token=${TOKEN}`)).status).toBe(401);
    expect(asked).toEqual([]);
  });

  test("no way of writing a path leads around it", async () => {
    const { console, asked } = await start();
    for (const path of [
      "/v1",
      "/v1/",
      "//v1/status",
      "/V1/status",
      "/./v1/status",
      "/x/../v1/status",
      "/%761/status",
      "/v1%2fstatus",
    ]) {
      const { status, text } = await ask(console, path);
      expect([401, 404], path).toContain(status);
      expect(text).not.toContain("sinks");
    }
    expect(asked).toEqual([]);
  });

  test("is in the address, in the fragment alone", async () => {
    const { console } = await start();
    expect(console.url).toBe(`http://127.0.0.1:${console.port}/#token=${TOKEN}`);
  });

  test("who guesses is stopped, and connections that have shown the right one go on", async () => {
    const { console } = await start();
    const known = keepAlive(console);
    expect(await known.ask()).toBe(200);
    for (let i = 0; i < 10; i++) {
      expect((await ask(console, "/v1/status", { headers: withToken(`guess-${i}-of-24-characters`) })).status).toBe(
        401,
      );
    }
    const stopped = await ask(console, "/v1/status", { headers: withToken(TOKEN) });
    expect(stopped.status).toBe(429);
    expect(codeOf(stopped)).toBe(CONSOLE_ERROR_CODES.tooMany);
    expect(Number(stopped.headers["retry-after"])).toBeGreaterThan(0);
    expect(await known.ask()).toBe(200);
    known.end();
  });
});

/** One connection, for several requests. */
function keepAlive({ port }: Console) {
  const socket = connect(port, "127.0.0.1");
  const head = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${TOKEN}\r\n`;
  return {
    ask: () =>
      new Promise<number>((resolve, reject) => {
        socket.once("data", (data) => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString())?.[1])));
        socket.once("error", reject);
        socket.write(`GET /v1/about HTTP/1.1\r\n${head}\r\n`);
      }),
    end: () => socket.destroy(),
  };
}

describe("pages of other origins", () => {
  const from = (headers: object) => ({ method: "POST", headers: { ...withToken(TOKEN), ...headers } });

  test("a name that resolves here but is not ours is refused", async () => {
    const { console } = await start();
    for (const host of [
      "evil.example",
      `evil.example:${console.port}`,
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "[::1",
      "a@127.0.0.1",
    ]) {
      for (const path of ["/", "/v1/status", "/page.js"]) {
        const answer = await ask(console, path, { headers: { ...withToken(TOKEN), Host: host } });
        expect([400, 403], `${host} ${path}`).toContain(answer.status);
        expect(answer.text).not.toContain("sinks");
      }
    }
    for (const host of ["localhost", "localhost:9999", "[::1]:80", "127.0.0.1", "LOCALHOST"]) {
      expect((await ask(console, "/v1/about", { headers: { ...withToken(TOKEN), Host: host } })).status, host).toBe(
        200,
      );
    }
  });

  test("the name that it is bound to is ours", async () => {
    const { console } = await start({ host: "localhost" });
    expect(console.url).toContain(`http://localhost:${console.port}/`);
    const answer = await ask({ ...console, port: console.port }, "/v1/about", {
      headers: { ...withToken(TOKEN), Host: "evil.example" },
    });
    expect(answer.status).toBe(403);
  });

  test("another origin is refused, ours is not", async () => {
    const { console, asked } = await start();
    const other = [
      "http://evil.example",
      "null",
      "http://127.0.0.1:1",
      `http://localhost:${console.port}`,
      "file://",
      "x",
    ];
    for (const Origin of other) {
      const answer = await ask(console, "/v1/sinks/csv/suspend", from({ Origin }));
      expect(answer.status, Origin).toBe(403);
      expect(codeOf(answer)).toBe(CONSOLE_ERROR_CODES.origin);
    }
    for (const site of ["cross-site", "same-site", "x"]) {
      expect((await ask(console, "/v1/sinks/csv/suspend", from({ "Sec-Fetch-Site": site }))).status, site).toBe(403);
    }
    expect(asked).toEqual([]);
    const own = from({ Origin: `http://127.0.0.1:${console.port}`, "Sec-Fetch-Site": "same-origin" });
    expect((await ask(console, "/v1/sinks/csv/suspend", own)).status).toBe(200);
    expect(asked).toEqual([["suspend", "csv"]]);
  });

  test("no answer lets another origin read it, load it or frame it", async () => {
    const { console } = await start();
    const answers = [
      await ask(console, "/"),
      await ask(console, "/page.js"),
      await ask(console, "/nothing"),
      await ask(console, "/v1/status"),
      await ask(console, "/v1/status", { headers: withToken(TOKEN) }),
      await ask(console, "/", { headers: { Host: "evil.example" } }),
      await ask(console, "/v1/status", { method: "OPTIONS", headers: { Origin: "http://evil.example" } }),
    ];
    for (const { headers } of answers) {
      expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(headers["content-security-policy"]).not.toMatch(/unsafe|\*/);
      expect(headers).toMatchObject({
        "x-frame-options": "DENY",
        "x-content-type-options": "nosniff",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      });
      expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    }
  });
});

describe("the page", () => {
  test("is whole: markup, script, style and icon, none of it inline or from elsewhere", async () => {
    const { console } = await start();
    const page = await ask(console, "/");
    expect(page.headers["content-type"]).toBe("text/html; charset=utf-8");
    expect(page.text).not.toMatch(/<script(?![^>]*src=)|<style| on\w+=|style="|https?:\/\//);
    const named = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    expect(named).toHaveLength(3);
    for (const path of named) expect((await ask(console, path)).status, path).toBe(200);
    const script = await ask(console, "/page.js");
    expect(script.headers["content-type"]).toBe("text/javascript; charset=utf-8");
    expect(script.text.length).toBeLessThan(200_000);
  });

  test("there is nothing else, and nothing of the file system", async () => {
    const { console } = await start();
    for (const path of [
      "/main.tsx",
      "/page/main.tsx",
      "/../package.json",
      "/%2e%2e/package.json",
      "/__proto__",
      "/constructor",
    ]) {
      expect((await ask(console, path)).status, path).toBe(404);
    }
    for (const method of ["POST", "PUT", "DELETE"]) expect((await ask(console, "/", { method })).status).toBe(405);
  });
});

describe("giant and malformed requests", () => {
  const json = { ...withToken(TOKEN), "Content-Type": "application/json" };

  test("a body of more than 64 KiB is refused, told or not", async () => {
    const { console, asked } = await start();
    const body = JSON.stringify({ reason: "a".repeat(70_000) });
    const told = await ask(console, "/v1/letters/drop", {
      method: "POST",
      headers: { ...json, "Content-Length": body.length },
      body,
    });
    expect(told.status).toBe(413);
    const untold = await ask(console, "/v1/letters/drop", {
      method: "POST",
      headers: { ...json, "Transfer-Encoding": "chunked" },
      body,
    });
    expect(untold.status).toBe(413);
    expect(asked).toEqual([]);
  });

  test("so is what is no JSON, or no filter", async () => {
    const { console, asked } = await start();
    for (const body of ["{", "[]", "null", '{"sinks":"csv"}', '{"sink":{"$ne":1}}']) {
      expect((await ask(console, "/v1/letters/drop", { method: "POST", headers: json, body })).status, body).toBe(400);
    }
    const text = { ...withToken(TOKEN), "Content-Type": "text/plain" };
    expect((await ask(console, "/v1/letters/drop", { method: "POST", headers: text, body: "{}" })).status).toBe(415);
    expect(asked).toEqual([]);
  });

  test("a header of 9 KiB and a request that is none are refused by the listener", async () => {
    const { console } = await start();
    expect((await ask(console, "/", { headers: { "x-big": "a".repeat(9 * 1024) } })).status).toBe(431);
    const text = await new Promise<string>((resolve, reject) => {
      let all = "";
      const socket = connect(console.port, "127.0.0.1", () => socket.write("GET / HTTP/9\r\nbroken\r\n\r\n"));
      socket.on("data", (data) => (all += data));
      socket.on("close", () => resolve(all));
      socket.on("error", reject);
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("what goes wrong inside is told to the log, not to the browser", async () => {
    const told: unknown[] = [];
    const logger = { error: (...what: unknown[]) => told.push(what) } as unknown as NonNullable<
      Parameters<typeof startConsole>[0]["logger"]
    >;
    const { console } = await start({
      logger,
      api: () => {
        throw new Error("a secret of the inside");
      },
    });
    const answer = await ask(console, "/v1/status", { headers: withToken(TOKEN) });
    expect(answer).toMatchObject({ status: 500, text: "500 internal error\n" });
    expect(told).toHaveLength(1);
  });
});

test("a port in use is one clear error with a code", async () => {
  const { console } = await start();
  await expect(start({ port: console.port })).rejects.toMatchObject({ code: CONSOLE_ERROR_CODES.portInUse });
});
