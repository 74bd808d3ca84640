import { isIP } from "node:net";
import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import { CONSOLE_ERROR_CODES, ConsoleError } from "./errors.ts";
import { tokenMatcher } from "./token.ts";

export interface Env {
  Bindings: HttpBindings;
}

/** Nothing but what this listener serves, nothing inline, no frame around it, and nothing of it for other origins. */
const HEADERS = {
  "Content-Security-Policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; "),
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Frame-Options": "DENY",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
} as const;

const SET = new Map(Object.entries(HEADERS));

/** On every answer, refusals too. */
export const secureHeaders: MiddlewareHandler<Env> = (c, next) => {
  c.env.outgoing.setHeaders(SET);
  return next();
};

/**
 * Refuses what a page of another origin could send: a name that resolves here but is not ours (DNS rebinding), another
 * origin, another site. `host`: what the listener is bound to.
 */
export function sameOrigin(host: string): MiddlewareHandler<Env> {
  const isOurs = hostMatcher(host);
  return async (c, next) => {
    const asked = c.req.header("host") ?? "";
    if (!isOurs(asked)) throw refusal("host", `Open the console by ${host || "its address"} or localhost.`);
    const origin = c.req.header("origin");
    const site = c.req.header("sec-fetch-site") ?? "none";
    if ((origin !== undefined && hostOf(origin) !== asked) || !["same-origin", "none"].includes(site)) {
      throw refusal("origin", "A page of another origin asked. Open the console by its address.");
    }
    return next();
  };
}

/** A name that somebody else could point here is none of ours; an address needs nobody's word. Any port: it may be forwarded. */
function hostMatcher(host: string): (asked: string) => boolean {
  return (asked) => {
    const name = /^(?:\[([\da-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(asked);
    const plain = (name?.[1] ?? name?.[2] ?? "").toLowerCase();
    return plain !== "" && (plain === "localhost" || plain === host.toLowerCase() || isIP(plain) > 0);
  };
}

function hostOf(origin: string): string | null {
  return URL.parse(origin)?.host ?? null;
}

/** Wrong tokens of one address within a minute; then it is refused unread, but for connections that have shown the right one. */
const WRONG = 10;
const WINDOW_MS = 60_000;
/** Addresses that are remembered. */
const ADDRESSES = 1000;

/** Only with `Authorization: Bearer <token>`. */
export function bearer(token: string, now: () => number = Date.now): MiddlewareHandler<Env> {
  const matches = tokenMatcher(token);
  const known = new WeakSet<object>();
  const wrong = new Map<string, { count: number; until: number }>();

  function count(address: string): void {
    const entry = wrong.get(address);
    if (entry !== undefined && entry.until > now()) {
      entry.count++;
      return;
    }
    wrong.delete(address);
    // The oldest goes.
    if (wrong.size >= ADDRESSES) wrong.delete(wrong.keys().next().value!);
    wrong.set(address, { count: 1, until: now() + WINDOW_MS });
  }

  return async (c, next) => {
    const { socket } = c.env.incoming;
    const address = socket.remoteAddress ?? "";
    const entry = wrong.get(address);
    if (entry !== undefined && entry.count >= WRONG && entry.until > now() && !known.has(socket)) {
      c.header("Retry-After", String(Math.ceil((entry.until - now()) / 1000)));
      throw refusal("tooMany", "Too many wrong tokens from this address. Wait a minute.");
    }
    const [, given] = /^Bearer ([\x21-\x7e]+)$/.exec(c.req.header("authorization") ?? "") ?? [];
    if (given === undefined || !matches(given)) {
      if (given !== undefined) count(address);
      c.header("WWW-Authenticate", "Bearer");
      throw refusal("token", "The token is missing or wrong. `sluice console` prints the address with the right one.");
    }
    known.add(socket);
    return next();
  };
}

type Refusal = "host" | "origin" | "token" | "tooMany";
const STATUS = { host: 403, origin: 403, token: 401, tooMany: 429 } as const;

function refusal(kind: Refusal, message: string): ConsoleError {
  return new ConsoleError(CONSOLE_ERROR_CODES[kind], message);
}

/** The answer to what the guard threw. */
export function refused(c: Context<Env>, error: ConsoleError): Response {
  const kind = (Object.keys(STATUS) as Refusal[]).find((key) => CONSOLE_ERROR_CODES[key] === error.code);
  return c.json({ error: { code: error.code, message: error.message } }, kind === undefined ? 500 : STATUS[kind]);
}
