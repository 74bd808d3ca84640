import { getRequestListener } from "@hono/node-server";
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { type Listener, listen } from "../admin/listen.ts";
import type { Logger } from "../logging/logger.ts";
import { CONSOLE_ERROR_CODES, ConsoleError } from "./errors.ts";
import { bearer, type Env, refused, sameOrigin, secureHeaders } from "./guard.ts";
import { type Asset, loadPage } from "./page.ts";

export interface ConsoleOptions {
  /** Empty: every address. */
  host: string;
  /** 0: any free port. */
  port: number;
  /** What every request below /v1 must bring. */
  token: string;
  /** Answers requests below /v1: the control routes of this process, or those behind a socket. */
  api: (request: Request) => Response | Promise<Response>;
  logger?: Logger;
}

export interface Console {
  readonly port: number;
  /** With the token in its fragment, which no browser sends anywhere. */
  readonly url: string;
  close(): Promise<void>;
}

const BODY_BYTES = 64 * 1024;
/** A profile is answered when it is done. */
const IDLE_MS = 150_000;

/** Serves the page and, to those who have the token, the control routes. Throws ConsoleError when it cannot listen. */
export async function startConsole({ host, port, token, api, logger }: ConsoleOptions): Promise<Console> {
  const app = new Hono<Env>()
    .use(secureHeaders)
    .use(sameOrigin(host))
    .use("/v1/*", bearer(token), bodyLimit({ maxSize: BODY_BYTES, onError: tooLarge }))
    .all("/v1/*", (c) => api(c.req.raw))
    .get("*", async (c) => assetOf((await loadPage()).get(c.req.path)))
    .all("*", (c) => c.text("405 method not allowed\n", 405, { Allow: "GET, HEAD" }))
    .onError((error, c) => {
      if (error instanceof ConsoleError && error.code !== CONSOLE_ERROR_CODES.page) return refused(c, error);
      logger?.error("A request of the console failed", { path: c.req.path, error });
      return c.text(error instanceof ConsoleError ? `${error.message}\n` : "500 internal error\n", 500);
    });
  const answer = getRequestListener(app.fetch);
  const listener: Listener = await listen({ answer, host, port, idleMs: IDLE_MS }).catch((cause) => {
    throw listenError(cause, host, port);
  });
  listener.server.on("error", (error) => logger?.error("The console had an error", { error }));
  return { port: listener.port, url: consoleUrl(host, listener.port, token), close: listener.close };
}

/** Where a browser on this machine finds it. */
export function consoleUrl(host: string, port: number, token: string): string {
  const name = ["", "0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}/#token=${encodeURIComponent(token)}`;
}

function assetOf(asset: Asset | undefined): Response {
  if (asset === undefined) return new Response("404 page not found\n", { status: 404 });
  return new Response(asset.body, { headers: { "Content-Type": asset.type } });
}

function tooLarge(c: Context): Response {
  return c.json({ error: { code: "SLUICE_CONTROL_BAD_REQUEST", message: "The body is larger than 64 KiB." } }, 413);
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): ConsoleError {
  const place = `${host || "*"}:${port}`;
  return cause.code === "EADDRINUSE"
    ? new ConsoleError(
        CONSOLE_ERROR_CODES.portInUse,
        `The console cannot listen on ${place}: the port is in use. Choose another.`,
        { cause },
      )
    : new ConsoleError(
        CONSOLE_ERROR_CODES.listen,
        `The console cannot listen on ${place}: check the host and the port, and that this user may listen there.`,
        { cause },
      );
}
