import { cleanFields, maskSecrets } from "./clean.ts";
import { FORMATS, type LogFormat, type LogLine } from "./format.ts";
import { createRateLimit } from "./rate-limit.ts";

export type Level = "debug" | "info" | "warn" | "error" | "fatal";

/** Extra values of a line. Errors become their message with its causes, objects become JSON. */
export type Fields = { readonly [name: string]: unknown };

type Say = (message: string, fields?: Fields) => void;

/** Writes whole lines; its functions need no `this`. */
export interface Logger {
  readonly debug: Say;
  readonly info: Say;
  readonly warn: Say;
  readonly error: Say;
  /** Like error, under the level that announces an exit; it does not end the process. */
  readonly fatal: Say;
  /** The same logger with another `prefix` field: "main", "server", a sink's name. */
  child(prefix: string): Logger;
  /** Of this logger and all its children, from now on. */
  setLevel(level: LoggerOptions["level"]): void;
  /** Values that must never be printed, besides those known. */
  hide(secrets: readonly string[]): void;
  /** Text as the log would print it: for what a person gets to see elsewhere. */
  mask(text: string): string;
  /** Writes what the rate limit holds back; call before the process ends. */
  flush(): void;
}

export interface LoggerOptions {
  level: Exclude<Level, "fatal">;
  format: LogFormat;
  /** Default "main". */
  prefix?: string;
  /** Default standard error. */
  write?: (line: string) => void;
  /** Exact values that must never be printed, such as passwords of the configuration. */
  secrets?: readonly string[];
  /** Lines of one message let through each second; default 10. */
  perSecond?: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

const RANK: { [level in Level]: number } = { debug: 0, info: 1, warn: 2, error: 3, fatal: 4 };

/** The daemon's log: Tyk Pump's three formats, on standard error, one line a message whatever the message holds. */
export function createLogger(options: LoggerOptions): Logger {
  const { format, now = Date.now, write = writeToStderr } = options;
  let { level, secrets = [] } = options;
  const print = FORMATS[format];
  const limit = createRateLimit({ perSecond: options.perSecond ?? 10, now, emit });

  const mask = (text: string) => maskSecrets(text, secrets);

  function emit(line: LogLine): void {
    const message = mask(line.message);
    write(`${print({ ...line, message, fields: cleanFields(line.fields, secrets) })}\n`);
  }

  function withPrefix(prefix: string): Logger {
    const at =
      (lineLevel: Level): Say =>
      (message, fields) => {
        if (RANK[lineLevel] < RANK[level]) return;
        limit.pass({ time: now(), level: lineLevel, message, fields: { prefix, ...fields } });
      };
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      fatal: at("fatal"),
      child: withPrefix,
      setLevel(next) {
        level = next;
      },
      hide(more) {
        // One may be a part of another.
        secrets = [...new Set([...secrets, ...more])].sort((a, b) => b.length - a.length);
      },
      mask,
      flush: limit.flush,
    };
  }
  return withPrefix(options.prefix ?? "main");
}

function writeToStderr(line: string): void {
  process.stderr.write(line);
}
