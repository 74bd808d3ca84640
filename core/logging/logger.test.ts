import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { clean, maskSecrets } from "./clean.ts";
import { describeError, errorCode } from "./describe-error.ts";
import { FORMATS, goQuote, type LogFormat, rfc3339 } from "./format.ts";
import { createLogger, type LoggerOptions } from "./logger.ts";

const AT = Date.UTC(2026, 10, 21, 20, 51, 51);

function capture(format: LogFormat, options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const logger = createLogger({ level: "debug", format, now: () => AT, write: (line) => lines.push(line), ...options });
  return { logger, lines };
}

describe("formats, as Tyk Pump writes them", () => {
  const time = rfc3339(AT);

  test("text", () => {
    const { logger, lines } = capture("text");
    logger.info("## Sluice, 1.0 ##");
    logger.child("server").warn("done", { b: 2, a: "x y", code: "ECONNREFUSED", empty: "" });
    expect(lines).toEqual([
      `time="${time}" level=info message="## Sluice, 1.0 ##" prefix=main\n`,
      `time="${time}" level=warning message=done a="x y" b=2 code=ECONNREFUSED empty= prefix=server\n`,
    ]);
  });

  test("legacy", () => {
    const { logger, lines } = capture("legacy");
    logger.error("no luck");
    expect(lines[0]).toMatch(/^time="Nov 2[12] \d\d:\d\d:51" level=error msg="no luck" prefix=main\n$/);
  });

  test("json has sorted keys and inert brackets", () => {
    const { logger, lines } = capture("json");
    logger.fatal("<b>&", { n: 1, error: new Error("why\nnot"), list: ["a"] });
    expect(lines).toEqual([
      `{"error":"why\\nnot","level":"fatal","list":["a"],"message":"\\u003cb\\u003e\\u0026","n":1,"prefix":"main","time":"${time}"}\n`,
    ]);
  });

  test("an empty message is left out of text", () => {
    const { logger, lines } = capture("text");
    logger.info("");
    expect(lines[0]).toBe(`time="${time}" level=info prefix=main\n`);
  });

  test("a field cannot stand in for time, level or message", () => {
    for (const format of ["text", "json"] as const) {
      const { logger, lines } = capture(format);
      logger.info("true", { level: "forged", message: "forged" });
      expect(lines[0]).toContain("fields.level");
      expect(lines[0]).toContain("fields.message");
    }
  });

  test("quotes like Go", () => {
    expect(goQuote('a"b\\c\n\x07\x1b\x7f é世 \u200b\u{e0001} \ud800')).toBe(
      '"a\\"b\\\\c\\n\\a\\x1b\\x7f é世 \\u200b\\U000e0001 \ufffd"',
    );
  });
});

test("levels below the configured one are dropped", () => {
  const { logger, lines } = capture("text", { level: "warn" });
  logger.debug("a");
  logger.info("b");
  logger.warn("c");
  expect(lines).toHaveLength(1);
});

test("no data can forge a line or a terminal command", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), fc.string(), (message, value, name) => {
      for (const format of Object.keys(FORMATS) as LogFormat[]) {
        const { logger, lines } = capture(format);
        logger.info(message, { [name]: value });
        expect(lines).toHaveLength(1);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
        expect(lines[0]).toMatch(/^[^\x00-\x1f]*\n$/);
        if (format === "json") expect(() => JSON.parse(lines[0]!)).not.toThrow();
      }
    }),
    { numRuns: 300 },
  );
});

test("control characters beyond ASCII are written out in text", () => {
  const { logger, lines } = capture("text");
  logger.info("a\u0085b\u2028c\u202ed");
  expect(lines[0]).toContain('message="a\\u0085b\\u2028c\\u202ed"');
});

describe("rate limit", () => {
  test("ten of one message a second, then a count", () => {
    vi.useFakeTimers({ now: AT });
    try {
      const { logger, lines } = capture("text", { now: Date.now });
      for (let i = 0; i < 25; i++) logger.info("again");
      logger.info("another");
      expect(lines).toHaveLength(11);
      vi.advanceTimersByTime(1500);
      expect(lines).toHaveLength(12);
      expect(lines[11]).toContain('message="15 more like this: again" prefix=main');
      logger.info("again");
      expect(lines).toHaveLength(13);
    } finally {
      vi.useRealTimers();
    }
  });

  test("flush reports at once", () => {
    const { logger, lines } = capture("text", { perSecond: 1 });
    logger.info("x");
    logger.info("x");
    logger.flush();
    logger.flush();
    expect(lines).toHaveLength(2);
    expect(lines[1]).toContain("1 more like this: x");
  });

  test("ever new messages do not grow memory without end, nor lose a count", () => {
    const { logger, lines } = capture("text", { perSecond: 1 });
    logger.info("first");
    logger.info("first");
    for (let i = 0; i < 1500; i++) logger.info(`m${i}`);
    expect(lines.filter((line) => line.includes("more like this: first"))).toHaveLength(1);
  });
});

describe("secrets", () => {
  test.each([
    ["dial redis://user:s3cret@host:1/0 failed", "dial redis://user:***@host:1/0 failed"],
    ["mysql root:s3cret@tcp(db:3306)/x", "mysql root:***@tcp(db:3306)/x"],
    ["host=db password=s3cret user=me", "host=db password=*** user=me"],
    ['{"password":"s3cret","a":1}', '{"password":***,"a":1}'],
    ["api_key: s3cret", "api_key: ***"],
    ["Authorization: Bearer s3cret123456", "Authorization: Bearer ***"],
    ["collector_token=s3cret", "collector_token=***"],
    ["nothing to hide: at 10:30 in http://host:80/p@th", "nothing to hide: at 10:30 in http://host:80/p@th"],
  ])("%s", (text, masked) => {
    expect(maskSecrets(text, [])).toBe(masked);
  });

  test("values known from the configuration are masked wherever they stand", () => {
    const { logger, lines } = capture("json", { secrets: ["hunter22"] });
    logger.error("got hunter22", { deep: { list: ["a hunter22 b"] }, password: 7, error: new Error("x hunter22") });
    expect(lines[0]).not.toContain("hunter22");
    expect(lines[0]).toContain('"password":"***"');
  });

  test("circular and deep values are cut", () => {
    const loop: { self?: unknown } = {};
    loop.self = loop;
    expect(JSON.stringify(clean(loop, []))).toContain("…");
  });
});

test("level and secrets change for all loggers that there are", () => {
  const lines: string[] = [];
  const logger = createLogger({
    level: "info",
    format: "text",
    write: (line) => lines.push(line),
    secrets: ["hunter"],
  });
  const child = logger.child("sink");
  child.debug("not yet");
  logger.setLevel("debug");
  logger.hide(["hunter22"]);
  child.debug("hunter22 and hunter");
  logger.setLevel("error");
  child.warn("no more");
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/hunter/);
});

test.each(["a", "a:", "a://", "x.y-", "token"])("a long line of %s is cleaned in no time", (part) => {
  const started = performance.now();
  maskSecrets(part.repeat(1e5), []);
  expect(performance.now() - started).toBeLessThan(3000);
});

test("errors: message and causes, each once", () => {
  const cause = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" });
  const error = new Error("cannot open the log", { cause: new Error("retry failed", { cause }) });
  expect(describeError(error)).toBe("cannot open the log: retry failed: connect ECONNREFUSED 127.0.0.1:1");
  expect(errorCode(error)).toBe("ECONNREFUSED");
  expect(describeError(new AggregateError([cause], ""))).toBe("AggregateError: connect ECONNREFUSED 127.0.0.1:1");
  expect(describeError(new Error("Nobody is there. Start it.", { cause }))).toBe(
    "Nobody is there. Start it: connect ECONNREFUSED 127.0.0.1:1",
  );
  expect(describeError("text")).toBe("text");
  expect(describeError({ a: 1 })).toBe('{"a":1}');
  const self = new Error("loop");
  self.cause = self;
  expect(describeError(self)).toBe("loop");
});
