import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import type { Status } from "../supervisor/status.ts";
import { type About, type Letters, type Reloaded, type Replayed, type Tapped, VERSION_HEADER } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError, type ControlErrorCode } from "./errors.ts";
import type { LetterFilter, LetterSummary, LetterView } from "./letters.ts";
import type { Comparison, Profile } from "./profile.ts";

/** What a pump answers at most, bytes. */
const ANSWER_BYTES = 64 * 2 ** 20;
const PATIENCE_MS = 30_000;

/** A pump that runs, by its socket. Each method throws ControlError where it cannot be reached or does not do what was asked. */
export interface ControlClient {
  about(): Promise<About>;
  status(): Promise<Status>;
  /** A snapshot now, and one each second until `signal` aborts, which throws nothing, or the pump ends. */
  follow(signal?: AbortSignal): AsyncGenerator<Status>;
  suspend(sink: string): Promise<void>;
  resume(sink: string): Promise<void>;
  reload(): Promise<Reloaded>;
  stop(): Promise<void>;
  profile(sink: string, seconds: number, cpu: boolean): Promise<Profile>;
  profileAll(seconds: number): Promise<Comparison>;
  tap(sink: string, records: number): AsyncIterable<Tapped>;
  letters: Letters;
}

export interface ClientOptions {
  socket: string;
  /** How people know the pump: its configuration. */
  name: string;
  /** Of this command. */
  version: string;
}

export function controlClient(options: ClientOptions): ControlClient {
  const ask = async <T>(method: "GET" | "POST", path: string, more: { body?: unknown; patienceMs?: number } = {}) => {
    const response = await send(options, method, path, more);
    return (await readJson(response, options)) as T;
  };
  /** NDJSON; an error may be the last line. */
  async function* askLines<T extends object>(path: string, signal?: AbortSignal): AsyncGenerator<T> {
    let response: IncomingMessage | undefined;
    try {
      response = await send(options, "GET", path, signal && { signal });
      for await (const line of createInterface({ input: response })) {
        const said = JSON.parse(line) as T | ErrorBody;
        if ("error" in said) throw errorOf(said, options);
        yield said;
      }
    } catch (error) {
      if (signal?.aborted) return;
      throw error instanceof ControlError ? error : brokeOff(options, error);
    } finally {
      response?.destroy();
    }
  }
  const of = (sink: string) => `/v1/sinks/${encodeURIComponent(sink)}`;
  const change = <T>(what: "replay" | "drop", body: LetterFilter) =>
    ask<T>("POST", `/v1/letters/${what}`, { body, patienceMs: 10 * PATIENCE_MS });
  return {
    about: () => ask("GET", "/v1/about"),
    status: () => ask("GET", "/v1/status"),
    suspend: async (sink) => void (await ask("POST", `${of(sink)}/suspend`)),
    resume: async (sink) => void (await ask("POST", `${of(sink)}/resume`)),
    reload: () => ask("POST", "/v1/reload", { patienceMs: 10 * PATIENCE_MS }),
    stop: async () => void (await ask("POST", "/v1/stop")),
    profile: (sink, seconds, cpu) =>
      ask("GET", `${of(sink)}/profile?seconds=${seconds}&cpu=${cpu}`, { patienceMs: seconds * 1000 + PATIENCE_MS }),
    profileAll: (seconds) => ask("GET", `/v1/profile?seconds=${seconds}`, { patienceMs: seconds * 1000 + PATIENCE_MS }),
    follow: (signal) => askLines<Status>("/v1/status?follow=true", signal),
    tap: (sink, records) => askLines<Tapped>(`${of(sink)}/tap?records=${records}`),
    letters: {
      list: (filter) =>
        ask<LetterSummary>("GET", `/v1/letters?${parameters(filter)}`, { patienceMs: 10 * PATIENCE_MS }),
      show: (id, redact) => ask<LetterView>("GET", `/v1/letters/${encodeURIComponent(id)}?redact=${redact}`),
      replay: (filter) => change<Replayed>("replay", filter),
      drop: async (filter) => (await change<{ records: number }>("drop", filter)).records,
    },
  };
}

interface ErrorBody {
  error: { code: string; message: string; problems?: readonly unknown[] };
}

function parameters(filter: LetterFilter): string {
  const named = Object.entries(filter).filter(([, value]) => value !== undefined);
  return new URLSearchParams(named.map(([name, value]): [string, string] => [name, String(value)])).toString();
}

/** Resolves with the head of a good answer. */
async function send(
  options: ClientOptions,
  method: "GET" | "POST",
  path: string,
  { body, patienceMs = PATIENCE_MS, signal }: { body?: unknown; patienceMs?: number; signal?: AbortSignal } = {},
): Promise<IncomingMessage> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({
      socketPath: options.socket,
      method,
      path,
      headers: {
        Host: "sluice",
        ...(text !== undefined && { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) }),
      },
      agent: false,
      timeout: patienceMs,
      ...(signal && { signal }),
    });
    asked.on("timeout", () => asked.destroy(late(options, patienceMs)));
    asked.on("error", (error) => reject(unreachable(options, error)));
    asked.on("response", resolve);
    asked.end(text);
  });
  if (response.headers[VERSION_HEADER.toLowerCase()] === undefined) {
    response.destroy();
    const message = `What answers on ${options.socket} is no pump of this version. Look at what has that socket.`;
    throw new ControlError(CONTROL_ERROR_CODES.version, message);
  }
  if (response.statusCode === 200) return response;
  throw errorOf((await readJson(response, options)) as ErrorBody, options, response);
}

async function readJson(response: IncomingMessage, options: ClientOptions): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > ANSWER_BYTES) throw new Error(`the answer has more than ${ANSWER_BYTES} bytes`);
      chunks.push(chunk as Buffer);
    }
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw brokeOff(options, cause);
  }
}

function brokeOff({ name }: ClientOptions, cause: unknown): ControlError {
  const message = `The answer of the pump on ${name} broke off: try again, and look whether it still runs.`;
  return new ControlError(CONTROL_ERROR_CODES.failed, message, { cause });
}

/** What the pump said. A path that it does not know is one of another version. */
function errorOf({ error }: ErrorBody, { version, name }: ClientOptions, response?: IncomingMessage): ControlError {
  const other = response?.headers[VERSION_HEADER.toLowerCase()];
  if (error?.code === CONTROL_ERROR_CODES.notFound && other !== version) {
    return new ControlError(
      CONTROL_ERROR_CODES.version,
      `The pump on ${name} is of version ${other}, this command of ${version}: restart the pump with this version.`,
    );
  }
  const { code = CONTROL_ERROR_CODES.failed, message = "It failed." } = error ?? {};
  return new ControlError(code as ControlErrorCode, message, error?.problems && { problems: error.problems });
}

function unreachable({ socket, name }: ClientOptions, cause: NodeJS.ErrnoException): ControlError {
  if (cause instanceof ControlError) return cause;
  if (cause.code === "ENOENT" || cause.code === "ECONNREFUSED" || cause.code === "ENOTDIR") {
    return new ControlError(
      CONTROL_ERROR_CODES.notRunning,
      `No pump runs on ${name} for this user: start it, name its configuration with -c, or its socket with --socket. ` +
        `It was looked for at ${socket}.`,
      { cause },
    );
  }
  if (cause.code === "EACCES" || cause.code === "EPERM") {
    const message = `The socket ${socket} belongs to another user: run this as the user that runs the pump.`;
    return new ControlError(CONTROL_ERROR_CODES.denied, message, { cause });
  }
  return new ControlError(
    CONTROL_ERROR_CODES.failed,
    `The pump on ${name} did not answer (${cause.code ?? cause.message}): look whether it still runs.`,
    { cause },
  );
}

function late({ name }: ClientOptions, ms: number): ControlError {
  const message = `The pump on ${name} did not answer within ${ms / 1000} seconds: try again, or look at its log.`;
  return new ControlError(CONTROL_ERROR_CODES.timeout, message);
}
