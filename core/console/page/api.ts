/** Requests to the pump, each with the token. It stays in this tab. */

const KEY = "sluice-token";

/** Status 0: nobody answers. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

export function hasToken(): boolean {
  return sessionStorage.getItem(KEY) !== null;
}

export function setToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

/** Takes it from the address, and out of it: nothing that is seen, bookmarked or shared holds it. */
export function takeToken(): void {
  const { hash, pathname } = location;
  const token = new URLSearchParams(hash.slice(1)).get("token");
  if (token === null) return;
  setToken(token);
  history.replaceState(null, "", `${pathname}#/`);
}

export interface Ask {
  method?: "GET" | "POST";
  body?: unknown;
  /** Default: 30 s. */
  patienceMs?: number;
}

export async function ask<T>(path: string, options: Ask = {}): Promise<T> {
  return (await send(path, options)).json() as Promise<T>;
}

/** NDJSON; an error may be the last line. */
export async function askLines<T extends object>(path: string): Promise<T[]> {
  const text = await (await send(path, {})).text();
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const value = JSON.parse(line) as T | { error: ErrorBody };
      if ("error" in value) throw new ApiError(200, value.error.code, value.error.message);
      return value;
    });
}

interface ErrorBody {
  code: string;
  message: string;
}

async function send(path: string, { method = "GET", body, patienceMs = 30_000 }: Ask): Promise<Response> {
  const response = await fetch(`/v1/${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}`,
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(patienceMs),
  }).catch((error: unknown) => {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new ApiError(0, "", late ? "The pump did not answer in time." : "The pump cannot be reached.");
  });
  if (response.ok) return response;
  const { error } = await (response.json() as Promise<{ error?: ErrorBody }>).catch(() => ({ error: undefined }));
  throw new ApiError(response.status, error?.code ?? "", error?.message ?? `The pump answered ${response.status}.`);
}

export function sinkPath(sink: string, more: string): string {
  return `sinks/${encodeURIComponent(sink)}/${more}`;
}
