/** Requests to the pump, each with the token. It stays in this tab. */

const KEY = "sluice-token";
const PATIENCE_MS = 30_000;

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

export async function ask<T>(path: string, { patienceMs = PATIENCE_MS, ...what }: Ask = {}): Promise<T> {
  return (await send(path, AbortSignal.timeout(patienceMs), what)).json() as Promise<T>;
}

export interface Listen {
  /** Aborted: it ends, with an error that tells nothing. */
  signal?: AbortSignal;
  /** Until the next line. Default: 30 s. */
  patienceMs?: number;
}

/** NDJSON, as it comes; an error may be the last line. An answer that has begun, and fails later, has status 200. */
export async function* askLines<T extends object>(path: string, options: Listen = {}): AsyncGenerator<T> {
  const { patienceMs = PATIENCE_MS } = options;
  const own = new AbortController();
  const signal = options.signal === undefined ? own.signal : AbortSignal.any([own.signal, options.signal]);
  const tooLate = () => own.abort(new DOMException("", "TimeoutError"));
  let timer = setTimeout(tooLate, patienceMs);
  try {
    const { body } = await send(path, signal);
    for await (const line of linesOf(body!)) {
      clearTimeout(timer);
      timer = setTimeout(tooLate, patienceMs);
      const value = JSON.parse(line) as T | { error: ErrorBody };
      if ("error" in value) throw new ApiError(200, value.error.code, value.error.message);
      yield value;
    }
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw isLate(signal) ? noAnswer(signal) : new ApiError(200, "", "The answer of the pump broke off.");
  } finally {
    clearTimeout(timer);
    own.abort();
  }
}

async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value = "", done } = await reader.read();
    const lines = (rest + value).split("\n");
    rest = done ? "" : lines.pop()!;
    yield* lines.filter(Boolean);
    if (done) return;
  }
}

interface ErrorBody {
  code: string;
  message: string;
}

async function send(path: string, signal: AbortSignal, { method = "GET", body }: Ask = {}): Promise<Response> {
  const response = await fetch(`/v1/${path}`, {
    method,
    headers: {
      Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ""}`,
      ...(body !== undefined && { "Content-Type": "application/json" }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal,
  }).catch(() => {
    throw noAnswer(signal);
  });
  if (response.ok) return response;
  const { error } = await (response.json() as Promise<{ error?: ErrorBody }>).catch(() => ({ error: undefined }));
  throw new ApiError(response.status, error?.code ?? "", error?.message ?? `The pump answered ${response.status}.`);
}

function noAnswer(signal: AbortSignal): ApiError {
  return new ApiError(0, "", isLate(signal) ? "The pump did not answer in time." : "The pump cannot be reached.");
}

function isLate({ reason }: AbortSignal): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}

export function sinkPath(sink: string, more: string): string {
  return `sinks/${encodeURIComponent(sink)}/${more}`;
}
