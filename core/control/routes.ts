import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { maskSecrets } from "../logging/clean.ts";
import type { Logger } from "../logging/logger.ts";
import { type Control, VERSION_HEADER } from "./control.ts";
import { CONTROL_ERROR_CODES, ControlError, type ControlErrorCode, statusOf } from "./errors.ts";
import { flag, readFilter, readFilterBody, wholeNumber } from "./requests.ts";

/** Of a request. */
const BODY_BYTES = 64 * 1024;
const SECONDS = { least: 1, most: 120, otherwise: 10 };
const RECORDS = { least: 1, most: 1000, otherwise: 10 };

/**
 * The control interface over HTTP, JSON both ways. Who may ask is for the caller to find out: the socket by its owner, the
 * console by its token. Errors are `{ error: { code, message, problems? } }` with a fitting status.
 */
export function controlRoutes(control: Control, logger: Pick<Logger, "error">): Hono {
  const app = new Hono();
  const { version } = control.about();

  // Ahead: to an answer that is there already they would be added by copying it, its body as a stream.
  app.use((c, next) => {
    c.header(VERSION_HEADER, version);
    c.header("Cache-Control", "no-store");
    c.header("X-Content-Type-Options", "nosniff");
    return next();
  });
  app.use(bodyLimit({ maxSize: BODY_BYTES, onError: tooLarge }));
  app.use(async (c, next) => {
    const type = c.req.header("Content-Type");
    if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
      return answerError(c, new ControlError(CONTROL_ERROR_CODES.badRequest, "Send application/json."), 415);
    }
    return next();
  });
  app.onError((error, c) => {
    if (codeOf(error) === CONTROL_ERROR_CODES.failed) {
      logger.error("A request of the control interface failed", { path: c.req.path, error });
    }
    return answerError(c, error);
  });
  app.notFound((c) => {
    const message = `There is no ${c.req.method} ${c.req.path.slice(0, 200)} here.`;
    return answerError(c, new ControlError(CONTROL_ERROR_CODES.notFound, message));
  });

  app.get("/v1/about", (c) => c.json(control.about()));
  app.get("/v1/status", async (c) => {
    return flag(c.req.query(), "follow") ? lines(c, control.follow()) : c.json(control.status());
  });
  app.post("/v1/reload", async (c) => c.json(await control.reload()));
  app.post("/v1/stop", (c) => {
    control.stop();
    return c.json({});
  });

  app.post("/v1/sinks/:sink/suspend", async (c) => {
    await control.suspend(c.req.param("sink"));
    return c.json({});
  });
  app.post("/v1/sinks/:sink/resume", async (c) => {
    await control.resume(c.req.param("sink"));
    return c.json({});
  });
  app.get("/v1/sinks/:sink/profile", async (c) => {
    const query = c.req.query();
    const seconds = wholeNumber(query, "seconds", SECONDS);
    return c.json(await control.profile(c.req.param("sink"), seconds, flag(query, "cpu"), c.req.raw.signal));
  });
  app.get("/v1/profile", async (c) => {
    return c.json(await control.profileAll(wholeNumber(c.req.query(), "seconds", SECONDS), c.req.raw.signal));
  });
  app.get("/v1/sinks/:sink/tap", (c) => {
    return lines(c, control.tap(c.req.param("sink"), wholeNumber(c.req.query(), "records", RECORDS)));
  });

  app.get("/v1/letters", async (c) => c.json(await control.letters.list(readFilter(c.req.query()))));
  app.get("/v1/letters/:id", async (c) => {
    return c.json(await control.letters.show(c.req.param("id"), flag(c.req.query(), "redact")));
  });
  app.post("/v1/letters/replay", async (c) => {
    return c.json(await control.letters.replay(readFilterBody(await c.req.text())));
  });
  app.post("/v1/letters/drop", async (c) => {
    return c.json({ records: await control.letters.drop(readFilterBody(await c.req.text())) });
  });
  return app;
}

/** NDJSON. The first item is waited for, so that what cannot be done at all has its status; a later error is the last line. */
async function lines(c: Context, items: AsyncIterable<object>): Promise<Response> {
  const rest = items[Symbol.asyncIterator]();
  const first = await rest.next();
  const body = new ReadableStream<Uint8Array>({
    start(stream) {
      if (first.done) stream.close();
      else stream.enqueue(line(first.value));
    },
    async pull(stream) {
      try {
        const next = await rest.next();
        if (next.done) stream.close();
        else stream.enqueue(line(next.value));
      } catch (error) {
        stream.enqueue(line(errorBody(error)));
        stream.close();
      }
    },
    async cancel() {
      await rest.return?.();
    },
  });
  return c.body(body, 200, { "Content-Type": "application/x-ndjson" });
}

/** What several are told at once is written out once. */
const written = new WeakMap<object, Uint8Array>();

function line(value: object): Uint8Array {
  let bytes = written.get(value);
  if (!bytes) written.set(value, (bytes = Buffer.from(`${JSON.stringify(value)}\n`)));
  return bytes;
}

function tooLarge(c: Context): Response {
  const message = `A request has at most ${BODY_BYTES} bytes.`;
  return answerError(c, new ControlError(CONTROL_ERROR_CODES.badRequest, message), 413);
}

function answerError(c: Context, error: unknown, status?: 413 | 415): Response {
  return c.json(errorBody(error), status ?? statusOf(codeOf(error)));
}

/** What an error tells: those with a code of ours are sentences for people, others may be anything. */
export function errorBody(error: unknown): { error: { code: string; message: string; problems?: readonly unknown[] } } {
  const code = codeOf(error);
  const known = error instanceof Error && code !== CONTROL_ERROR_CODES.failed;
  const message = known ? maskSecrets(error.message, []) : "That failed; the log of the pump says why.";
  const problems = error instanceof ControlError ? error.problems : undefined;
  return { error: { code, message, ...(problems && { problems }) } };
}

function codeOf(error: unknown): ControlErrorCode | (string & {}) {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === "string" && code.startsWith("SLUICE_") ? code : CONTROL_ERROR_CODES.failed;
}
