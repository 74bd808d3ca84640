import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Logger } from "../logging/logger.ts";
import type { Status } from "../supervisor/status.ts";
import { EXPOSITION_TYPE } from "./exposition.ts";
import { readiness } from "./readiness.ts";

const JSON_TYPE = "application/json";
const PLAIN_TYPE = "text/plain; charset=utf-8";
const OK = '{"status": "ok"}';

export interface RouteOptions {
  /** The health endpoint's name: a path without its first slash, `{any}` stands for one segment. */
  endpoint: string;
  status: () => Status;
  metrics: () => string;
  logger: Pick<Logger, "error">;
}

interface Answer {
  status: number;
  type: string;
  body: string;
}

/**
 * GET only; 405 for other methods and 404 for other paths, as Tyk Pump answers. On Node's own server, without a
 * framework: what is scraped each second must cost little.
 */
export function createRoutes({ endpoint, status, metrics, logger }: RouteOptions): RequestListener {
  const isHealth = endpointMatcher(endpoint);
  const routes: { readonly [path: string]: () => Answer } = {
    __proto__: null as never,
    "/livez": () => ({ status: 200, type: JSON_TYPE, body: OK }),
    "/readyz": () => {
      const body = readiness(status());
      return { status: body.ready ? 200 : 503, type: JSON_TYPE, body: `${JSON.stringify(body, null, 2)}\n` };
    },
    "/metrics": () => ({ status: 200, type: EXPOSITION_TYPE, body: metrics() }),
    // Last, so that an operator's own name for the endpoint wins.
    [`/${endpoint}`]: () => ({ status: 200, type: JSON_TYPE, body: OK }),
  };

  return (request, response) => {
    const path = pathOf(request);
    const route = routes[path] ?? (isHealth(path) ? routes[`/${endpoint}`] : undefined);
    if (route === undefined) return send(response, { status: 404, type: PLAIN_TYPE, body: "404 page not found\n" });
    if (request.method !== "GET") return void response.writeHead(405, { Allow: "GET" }).end();
    let answer: Answer;
    try {
      answer = route();
    } catch (error) {
      logger.error("The request failed", { path, error });
      answer = { status: 500, type: PLAIN_TYPE, body: "500 internal error\n" };
    }
    send(response, answer);
  };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response
    .writeHead(status, { "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" })
    .end(body);
}

/** Without its query; of what a proxy asks for as a whole address too. */
function pathOf({ url = "/" }: IncomingMessage): string {
  const path = url.startsWith("/") ? url.replace(/\?.*$/s, "") : (URL.parse(url)?.pathname ?? url);
  if (!path.includes("%")) return path;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

/** Tyk Pump gives the name to its router, where `{any}` matches one segment and `{id:[0-9]+}` what the pattern says. */
function endpointMatcher(endpoint: string): (path: string) => boolean {
  if (!/\{[^{}]+\}/.test(endpoint)) return () => false;
  const pattern = `/${endpoint}`
    .split(/(\{[^{}]+\})/)
    .map((part) => {
      if (!part.startsWith("{") || !part.endsWith("}")) return part.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
      const colon = part.indexOf(":");
      return colon === -1 ? "[^/]+" : `(?:${part.slice(colon + 1, -1)})`;
    })
    .join("");
  try {
    const regexp = new RegExp(`^${pattern}$`);
    return (path) => regexp.test(path);
  } catch {
    // The reference serves nothing under a broken pattern.
    return () => false;
  }
}
