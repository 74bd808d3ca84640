import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { SecretError } from "./store.ts";

export interface GetOptions {
  headers: { [name: string]: string };
  /** Authorities, client certificate, verification. */
  tls?: Pick<RequestOptions, "ca" | "cert" | "key" | "rejectUnauthorized" | "servername">;
  /** For one try, ms, from the first byte sent to the last one read. */
  timeoutMs: number;
  /** Further tries after no answer, 429 or 5xx. */
  retries: number;
}

export interface Answer {
  status: number;
  body: string;
}

const MOST_BYTES = 1 << 20;
const MOST_REDIRECTS = 2;
const FIRST_PAUSE_MS = 100;

/**
 * GET, tried again while the failure may pass. A redirect (a standby node that names the active one) is followed, never
 * from https to http: the headers hold a token. Throws SecretError for no answer; any status is an answer.
 */
export async function httpGet(url: URL, options: GetOptions): Promise<Answer> {
  for (let tried = 0; ; tried++) {
    try {
      const answer = await follow(url, options, MOST_REDIRECTS);
      if (tried >= options.retries || !(answer.status === 429 || answer.status >= 500)) return answer;
    } catch (error) {
      if (tried >= options.retries) throw unavailable(url, error);
    }
    await sleep(FIRST_PAUSE_MS * 2 ** tried);
  }
}

async function follow(url: URL, options: GetOptions, left: number): Promise<Answer> {
  const { response, body } = await once(url, options);
  const status = response.statusCode ?? 0;
  const { location } = response.headers;
  if (![301, 302, 307, 308].includes(status) || location === undefined) return { status, body };
  const next = new URL(location, url);
  if (left === 0) throw new Error("it redirects for ever");
  if (!/^https?:$/.test(next.protocol) || (url.protocol === "https:" && next.protocol !== "https:")) {
    throw new Error("it redirects to an address that is not safe");
  }
  return follow(next, options, left - 1);
}

function once(url: URL, { headers, tls, timeoutMs }: GetOptions): Promise<{ response: IncomingMessage; body: string }> {
  return new Promise((resolve, reject) => {
    const secure = url.protocol === "https:";
    const signal = AbortSignal.timeout(timeoutMs);
    const request = secure
      ? httpsRequest(url, { headers, ...tls, agent: false, signal })
      : httpRequest(url, { headers, agent: false, signal });
    const fail = (error: Error) => reject(signal.aborted ? new Error(`no answer within ${timeoutMs / 1000} s`) : error);
    request.on("error", fail);
    request.on("response", (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST_BYTES) request.destroy(new Error("its answer is larger than 1 MiB"));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => resolve({ response, body: Buffer.concat(chunks).toString("utf8") }));
    });
    request.end();
  });
}

function unavailable(url: URL, error: unknown): SecretError {
  const { message, code } = error as NodeJS.ErrnoException;
  return new SecretError(
    "SLUICE_SECRET_UNAVAILABLE",
    `${url.host} does not answer (${message || code}).`,
    "Check that it runs, its address, and its certificate.",
    error,
  );
}
