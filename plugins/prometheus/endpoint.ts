import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Fatal, Retryable, type SinkError } from "@sluice/sdk";
import type { Exposition } from "./exposition.ts";

/** Scrapes at the same time. */
const MOST_SCRAPES = 4;
const MOST_CONNECTIONS = 64;
/** A reader that takes nothing for so long is cut off, ms. */
const IDLE_MS = 30_000;
/** What one answer may take, ms: who reads a byte now and then must not hold it up for ever. */
const ANSWER_MS = 60_000;
/** How long `close` lets scrapes finish, ms. */
const FAREWELL_MS = 2000;

/**
 * Serves the metrics at this path. Throws Retryable while the address cannot be bound, as when a process that is about to end still has
 * it, and Fatal for one that never can be.
 */
export async function listen(address: string, path: string, metrics: Exposition): Promise<{ close(): Promise<void> }> {
  let scrapes = 0;
  const server = createServer(async (request, response) => {
    if (!isAt(request, path)) return void response.writeHead(404).end("Not found\n");
    if (scrapes >= MOST_SCRAPES) return void response.writeHead(503, { "retry-after": "5" }).end("Too many scrapes\n");
    scrapes++;
    try {
      await answer(request, response, metrics);
    } catch {
      // The reader has gone, or sees that the answer is cut.
      response.destroy();
    } finally {
      scrapes--;
    }
  });
  server.setTimeout(IDLE_MS);
  server.maxConnections = MOST_CONNECTIONS;
  await bind(server, address);
  return { close: () => close(server) };
}

/** Binds the address and gives it free again; false where something listens there. Throws as `listen` does otherwise. */
export async function isFree(address: string): Promise<boolean> {
  const server = createServer();
  try {
    await bind(server, address);
  } catch (error) {
    if (((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === "EADDRINUSE") return false;
    throw error;
  }
  await close(server);
  return true;
}

function isAt({ url = "" }: IncomingMessage, path: string): boolean {
  const [asked = ""] = url.split("?", 1);
  return path.endsWith("/") ? asked.startsWith(path) : asked === path;
}

async function answer(request: IncomingMessage, response: ServerResponse, metrics: Exposition): Promise<void> {
  response.setHeader("content-type", metrics.type);
  response.setHeader("vary", "accept-encoding");
  const pages = Readable.from(metrics.pages());
  const limit = { signal: AbortSignal.timeout(ANSWER_MS) };
  if (!takesGzip(request)) return pipeline(pages, response, limit);
  response.setHeader("content-encoding", "gzip");
  await pipeline(pages, createGzip({ level: 1 }), response, limit);
}

function takesGzip({ headers }: IncomingMessage): boolean {
  const gzip = /\bgzip\b(?:\s*;\s*q=([\d.]+))?/i.exec(String(headers["accept-encoding"] ?? ""));
  return gzip !== null && Number(gzip[1] ?? 1) > 0;
}

async function bind(server: Server, address: string): Promise<void> {
  const { host, port } = parseAddress(address);
  await new Promise<void>((resolve, reject) => {
    // Stays: what goes wrong later (no file handles left) is the client's loss, and must not end this thread.
    server.on("error", (error) => reject(bindError(error, address)));
    server.listen({ port, host }, resolve);
  });
}

/** `host:port`, `:port` or `[IPv6]:port`. */
export function parseAddress(address: string): { host: string | undefined; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address.trim());
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new Fatal(`listen_address is ${JSON.stringify(address)}: write host:port, [IPv6]:port or :port.`);
  return { host: match[1] || match[2] || undefined, port };
}

function bindError(error: NodeJS.ErrnoException, address: string): SinkError {
  const cause = { cause: error };
  switch (error.code) {
    case "EADDRINUSE":
      return new Retryable(
        `${address} is in use: stop what listens there, or set listen_address to another port.`,
        cause,
      );
    case "EACCES":
      return new Fatal(
        `${address} needs rights that this process has not: set listen_address to a port above 1023.`,
        cause,
      );
    default:
      return new Retryable(
        `${address} cannot be listened on (${error.code ?? error.message}): set listen_address to an address of this machine.`,
        cause,
      );
  }
}

/** No new scrapes; those that are being answered may finish. */
async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // Node keeps a connection that becomes idle only now until its time is up.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const farewell = setTimeout(() => server.closeAllConnections(), FAREWELL_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(farewell);
}
