import http from "node:http";
import https from "node:https";
import type { HttpCheck } from "../config/config.ts";
import { CheckFailed } from "./result.ts";

const MOST_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * One HTTP check: redirects are followed (301, 302 and 303 by GET), the status of the last answer counts, its body is not read.
 * Each on a connection of its own, over which nothing else goes. Gives the status; throws CheckFailed, or what the socket failed of.
 */
export async function probeHttp(check: HttpCheck, signal: AbortSignal): Promise<number> {
  let target: Target = {
    url: new URL(check.target),
    method: check.method,
    headers: check.headers,
    body: Buffer.from(check.body, "base64"),
  };
  for (let hops = 0; ; hops++) {
    const { status, location } = await ask(target, !check.insecure, signal);
    if (!REDIRECTS.has(status) || location === undefined) return judge(check, status);
    if (hops === MOST_REDIRECTS) throw new CheckFailed("protocol", `more than ${MOST_REDIRECTS} redirects`, status);
    target = redirected(target, status, location);
  }
}

interface Target {
  url: URL;
  method: string;
  headers: { readonly [name: string]: string };
  body: Buffer;
}

function ask(
  { url, method, headers, body }: Target,
  rejectUnauthorized: boolean,
  signal: AbortSignal,
): Promise<{ status: number; location?: string }> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const sent = {
      "user-agent": "sluice",
      ...lowerCased(headers),
      ...(body.length > 0 && { "content-length": String(body.length) }),
      connection: "close",
    };
    const call = request(url, { method, headers: sent, agent: false, rejectUnauthorized, signal });
    call.on("error", reject);
    call.on("response", (answer) => {
      const { statusCode: status = 0, headers } = answer;
      resolve({ status, ...(headers.location !== undefined && { location: headers.location }) });
      answer.on("error", () => {});
      call.destroy();
    });
    call.end(body);
  });
}

function redirected(from: Target, status: number, location: string): Target {
  let url: URL;
  try {
    url = new URL(location, from.url);
  } catch (error) {
    throw new CheckFailed("protocol", "the address of a redirect cannot be read", status, error);
  }
  if (!/^https?:$/.test(url.protocol)) throw new CheckFailed("protocol", `a redirect to ${url.protocol}`, status);
  const again = status === 307 || status === 308;
  const method = again || from.method === "HEAD" ? from.method : "GET";
  // What was meant for one host is not for another.
  const headers = url.origin === from.url.origin ? from.headers : withoutCredentials(from.headers);
  return { url, method, headers, body: again ? from.body : Buffer.alloc(0) };
}

function withoutCredentials(headers: Target["headers"]): Target["headers"] {
  const kept = Object.entries(headers).filter(([name]) => !/^(authorization|cookie|host)$/i.test(name));
  return Object.fromEntries(kept);
}

function judge({ expect }: HttpCheck, status: number): number {
  if (expect.some(([from, to]) => status >= from && status <= to)) return status;
  throw new CheckFailed("status", `the status is ${status}`, status);
}

function lowerCased(headers: Target["headers"]): { [name: string]: string } {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
