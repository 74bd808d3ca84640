import { Hono } from "hono";
import type { Status } from "../supervisor/status.ts";
import { readiness } from "./readiness.ts";

const JSON_TYPE = "application/json";

export interface RouteOptions {
  /** The health endpoint's name: a path without its first slash, `{any}` stands for one segment. */
  endpoint: string;
  status: () => Status;
  metrics: () => Promise<{ type: string; text: string }>;
}

/** GET only; 405 for other methods and 404 for other paths, as Tyk Pump answers. */
export function createRoutes({ endpoint, status, metrics }: RouteOptions): Hono {
  const isHealth = endpointMatcher(endpoint);
  const routes: { readonly [path: string]: () => Response | Promise<Response> } = {
    "/livez": () => answer(200, JSON_TYPE, '{"status": "ok"}'),
    "/readyz": () => {
      const body = readiness(status());
      return answer(body.ready ? 200 : 503, JSON_TYPE, `${JSON.stringify(body, null, 2)}\n`);
    },
    "/metrics": async () => {
      const { type, text } = await metrics();
      return answer(200, type, text);
    },
    // Last, so that an operator's own name for the endpoint wins.
    [`/${endpoint}`]: () => answer(200, JSON_TYPE, '{"status": "ok"}'),
  };

  return new Hono().all("*", (c) => {
    const route = routes[c.req.path] ?? (isHealth(c.req.path) ? routes[`/${endpoint}`] : undefined);
    if (route === undefined) return answer(404, "text/plain; charset=utf-8", "404 page not found\n");
    if (c.req.raw.method !== "GET") return new Response(null, { status: 405, headers: { Allow: "GET" } });
    return route();
  });
}

function answer(status: number, type: string, body: string): Response {
  return new Response(body, {
    status,
    headers: { "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" },
  });
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
