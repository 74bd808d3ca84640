import { request as ask, type ClientRequest, type IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { CONTROL_ERROR_CODES } from "../control/errors.ts";

/** Of what the pump answers with, what a page has a use for. */
const KEPT = ["content-type", "sluice-version"];

const NOT_RUNNING = {
  error: {
    code: CONTROL_ERROR_CODES.notRunning,
    message: "The pump does not answer: it was stopped, or is being started.",
  },
};

/** Hands requests on to the pump behind a socket. Nothing that came from the browser goes along but path and body. */
export function proxyTo(socketPath: string): (request: Request) => Promise<Response> {
  return async (request) => {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "POST" ? Buffer.from(await request.arrayBuffer()) : null;
    const type = request.headers.get("Content-Type");
    const upstream = ask({
      socketPath,
      method: request.method,
      path: pathname + search,
      agent: false,
      headers: {
        Host: "sluice",
        ...(type !== null && { "Content-Type": type }),
        ...(body !== null && { "Content-Length": body.length }),
      },
    });
    request.signal.addEventListener("abort", () => upstream.destroy(), { once: true });
    upstream.end(body);
    try {
      return toResponse(await answerTo(upstream));
    } catch {
      return Response.json(NOT_RUNNING, { status: 503 });
    }
  };
}

function answerTo(upstream: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once("response", resolve);
    // Also what comes later, such as an end in the middle.
    upstream.on("error", reject);
  });
}

function toResponse(answer: IncomingMessage): Response {
  const kept = KEPT.flatMap((name): [string, string][] => {
    const value = answer.headers[name];
    return typeof value === "string" ? [[name, value]] : [];
  });
  return new Response(Readable.toWeb(Readable.from(bodyOf(answer))) as ReadableStream<Uint8Array>, {
    status: answer.statusCode ?? 502,
    headers: kept,
  });
}

/** As it comes. Where it breaks off the last line says so, as that of NDJSON does; of what is no lines it makes no JSON. */
async function* bodyOf(answer: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* answer;
  } catch {
    yield Buffer.from(`\n${JSON.stringify(NOT_RUNNING)}\n`);
  }
}
