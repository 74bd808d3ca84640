import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../test/support/certificates.ts";
import { freePort } from "../../test/support/redis.ts";
import type { HttpCheck, TcpCheck } from "../config/config.ts";
import { probe } from "./probe.ts";

const NEVER = new AbortController().signal;
const base = { name: "x", url: "", intervalMs: 1000, timeoutMs: 2000, apiId: "", orgId: "", insecure: false };

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => sockets.add(socket.on("error", () => {})));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return (server.address() as AddressInfo).port;
}

async function web(answer: http.RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listening(http.createServer(answer))}`;
}

function httpCheck(target: string, more: Partial<HttpCheck> = {}): HttpCheck {
  return { ...base, kind: "http", target, method: "GET", headers: {}, body: "", expect: [[200, 200]], ...more };
}

/** A TCP server, and a check of it with these commands. */
async function tcpCheck(
  serve: (socket: net.Socket) => void,
  commands: TcpCheck["commands"] = [],
  more: Partial<TcpCheck> = {},
): Promise<TcpCheck> {
  const port = await listening(net.createServer(serve));
  return { ...base, kind: "tcp", host: "127.0.0.1", port, secure: false, proxyProtocol: false, commands, ...more };
}

const outcome = async (check: HttpCheck | TcpCheck) => {
  const { failure, status } = await probe(check, NEVER);
  return [failure?.kind ?? "ok", status];
};

test("HTTP: only the statuses that are expected are well", async () => {
  const url = await web((request, response) => {
    response.statusCode = Number(request.url!.slice(1));
    response.end();
  });
  expect(await outcome(httpCheck(`${url}/200`))).toEqual(["ok", 200]);
  for (const status of [201, 204, 206, 304, 400, 404, 500, 503]) {
    expect(await outcome(httpCheck(`${url}/${status}`))).toEqual(["status", status]);
  }
  const expected: HttpCheck["expect"] = [
    [200, 299],
    [401, 401],
  ];
  for (const status of [204, 401])
    expect(await outcome(httpCheck(`${url}/${status}`, { expect: expected }))).toEqual(["ok", status]);
  expect(await outcome(httpCheck(`${url}/400`, { expect: expected }))).toEqual(["status", 400]);
});

test("HTTP: method, headers and body are sent, on a connection of its own", async () => {
  let seen: object = {};
  const url = await web((request, response) => {
    let body = "";
    request.on("data", (text) => {
      body += String(text);
    });
    request.on("end", () => {
      seen = { method: request.method, headers: request.headers, body };
      response.end("a body that nobody reads");
    });
  });
  const headers = { "X-Token": "t", Host: "orders.example", "User-Agent": "me" };
  const body = Buffer.from("grüß").toString("base64");
  expect(await outcome(httpCheck(url, { method: "POST", headers, body }))).toEqual(["ok", 200]);
  expect(seen).toMatchObject({
    method: "POST",
    headers: { "x-token": "t", host: "orders.example", "user-agent": "me", connection: "close", "content-length": "6" },
    body: "grüß",
  });
});

test("HTTP: redirects are followed to the end, credentials not to another host; a loop ends", async () => {
  const seen: (string | undefined)[] = [];
  const other = await web((request, response) => {
    seen.push(`${request.method} ${request.headers.authorization}`);
    response.statusCode = request.url === "/bad" ? 500 : 200;
    response.end();
  });
  const url = await web((request, response) => {
    const [, status, to] = request.url!.split("|");
    response.writeHead(Number(status), {
      location: to === "loop" ? request.url : to === "ftp" ? "ftp://x/" : other + to,
    });
    response.end();
  });
  const headers = { Authorization: "secret" };
  expect(await outcome(httpCheck(`${url}/|302|/`, { method: "POST", headers }))).toEqual(["ok", 200]);
  expect(await outcome(httpCheck(`${url}/|307|/`, { method: "POST", headers }))).toEqual(["ok", 200]);
  expect(await outcome(httpCheck(`${url}/|301|/bad`))).toEqual(["status", 500]);
  expect(seen).toEqual(["GET undefined", "POST undefined", "GET undefined"]);
  expect(await outcome(httpCheck(`${url}/|302|loop`))).toEqual(["protocol", 302]);
  expect(await outcome(httpCheck(`${url}/|302|ftp`))).toEqual(["protocol", 302]);
});

test("what is not there, not HTTP, not trusted or silent fails with its kind, and in time", async () => {
  expect(await outcome(httpCheck(`http://127.0.0.1:${await freePort()}`))).toEqual(["connect", 0]);
  expect(await outcome(httpCheck("http://no-such-host.invalid"))).toEqual(["dns", 0]);
  const { port: babble } = await tcpCheck((socket) => socket.end("no HTTP at all\r\n\r\n"));
  expect(await outcome(httpCheck(`http://127.0.0.1:${babble}`))).toEqual(["protocol", 0]);
  const plain = await web((_, response) => response.end());
  expect(await outcome(httpCheck(plain.replace("http:", "https:")))).toEqual(["tls", 0]);
  const silent = await tcpCheck(() => {});
  for (const check of [
    httpCheck(`http://127.0.0.1:${silent.port}`),
    { ...silent, commands: [{ name: "expect", message: "x" }] } as TcpCheck,
  ]) {
    const began = performance.now();
    expect(await outcome({ ...check, timeoutMs: 100 })).toEqual(["timeout", 0]);
    expect(performance.now() - began).toBeLessThan(1000);
  }
  const secure = await listening(https.createServer());
  expect((await outcome({ ...silent, port: secure, secure: true }))[0]).toMatch(/tls|connect/);
});

test("TCP: a connection is enough; commands run in order, answers come in any pieces", async () => {
  const check = await tcpCheck(
    (socket) => {
      socket.on("data", (data) => {
        if (String(data) !== "PING\r\n") return;
        socket.write("+PO");
        setTimeout(() => socket.write("NG\r\nmore"), 10);
      });
    },
    [
      { name: "send", message: "PING\r\n" },
      { name: "expect", message: "+PONG" },
      { name: "expect", message: "\r\n" },
    ],
  );
  expect(await outcome({ ...check, commands: [] })).toEqual(["ok", 200]);
  expect(await outcome(check)).toEqual(["ok", 200]);
  expect(await outcome({ ...check, commands: [...check.commands, { name: "expect", message: "less" }] })).toEqual([
    "expect",
    0,
  ]);
});

test("TCP: a wrong answer or an early end fails, and the rest is not sent", async () => {
  const got: string[] = [];
  const check = await tcpCheck(
    (socket) => {
      socket.on("data", (data) => {
        got.push(String(data));
        socket.end("no");
      });
    },
    [
      { name: "send", message: "a" },
      { name: "expect", message: "yes" },
      { name: "send", message: "b" },
    ],
  );
  expect(await outcome(check)).toEqual(["expect", 0]);
  expect(got).toEqual(["a"]);
});

test("TCP: a PROXY header comes ahead of the commands", async () => {
  let got = "";
  const check = await tcpCheck(
    (socket) => {
      socket.on("data", (data) => {
        got += String(data);
        if (got.endsWith("hello")) socket.write("there");
      });
    },
    [
      { name: "send", message: "hello" },
      { name: "expect", message: "there" },
    ],
    { proxyProtocol: true },
  );
  expect(await outcome(check)).toEqual(["ok", 200]);
  expect(got).toBe("PROXY UNKNOWN\r\nhello");
});

test("TLS: a certificate that nobody vouches for is no good, unless any will do", async () => {
  const certificates = makeCertificates();
  onTestFinished(() => certificates.remove());
  const { cert, key } = certificates.server;
  const options = { key: readFileSync(key), cert: readFileSync(cert) };
  const port = await listening(https.createServer(options, (_, response) => response.end()));
  const url = `https://127.0.0.1:${port}`;
  const tcp: TcpCheck = {
    ...base,
    kind: "tcp",
    host: "127.0.0.1",
    port,
    secure: true,
    proxyProtocol: false,
    commands: [],
  };
  for (const check of [httpCheck(url), tcp]) {
    expect(await outcome(check)).toEqual(["tls", 0]);
    expect(await outcome({ ...check, insecure: true })).toEqual(["ok", 200]);
  }
});

test("an end from outside stops a check at once", async () => {
  const silent = await tcpCheck(() => {});
  const end = new AbortController();
  const running = probe(httpCheck(`http://127.0.0.1:${silent.port}`), end.signal);
  end.abort();
  expect((await running).failure).not.toBeNull();
});
