import type { LogLine } from "./format.ts";

/** Messages remembered at once; beyond, the oldest is forgotten, so memory stays small under ever new messages. */
const REMEMBERED = 1000;

interface Window {
  start: number;
  passed: number;
  held: number;
  last: LogLine;
}

export interface RateLimit {
  pass(line: LogLine): void;
  /** Reports everything that is held back. */
  flush(): void;
}

/**
 * Lets at most `perSecond` lines of one message (same level and prefix) through a second. What is held back is counted
 * and reported when the second is over: "n more like this: <message>".
 */
export function createRateLimit(options: {
  perSecond: number;
  now: () => number;
  emit: (line: LogLine) => void;
}): RateLimit {
  const { perSecond, now, emit } = options;
  const windows = new Map<string, Window>();
  let timer: NodeJS.Timeout | undefined;

  function report(window: Window): void {
    if (window.held === 0) return;
    const { level, message, fields } = window.last;
    emit({
      time: now(),
      level,
      message: `${window.held} more like this: ${message}`,
      fields: { prefix: fields.prefix },
    });
    window.held = 0;
  }

  function sweep(): void {
    for (const [key, window] of windows) {
      if (now() - window.start < 1000) continue;
      report(window);
      windows.delete(key);
    }
    timer = [...windows.values()].some((window) => window.held > 0) ? later() : undefined;
  }

  const later = () => setTimeout(sweep, 1000).unref();

  return {
    pass(line) {
      const key = `${line.level} ${line.fields.prefix} ${line.message}`;
      let window = windows.get(key);
      if (window === undefined || line.time - window.start >= 1000) {
        if (window !== undefined) report(window);
        window = { start: line.time, passed: 0, held: 0, last: line };
        // Moves the key to the end: the map's order is the order of forgetting.
        windows.delete(key);
        windows.set(key, window);
        forgetOldest();
      }
      window.last = line;
      if (window.passed < perSecond) {
        window.passed++;
        emit(line);
      } else {
        window.held++;
        timer ??= later();
      }
    },
    flush() {
      for (const window of windows.values()) report(window);
      clearTimeout(timer);
      timer = undefined;
    },
  };

  function forgetOldest(): void {
    if (windows.size <= REMEMBERED) return;
    const [key, window] = windows.entries().next().value!;
    report(window);
    windows.delete(key);
  }
}
