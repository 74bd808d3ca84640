import {
  BEGIN_UPDATE,
  canDraw,
  END_UPDATE,
  ERASE_BELOW,
  ERASE_LINE_END,
  HIDE_CURSOR,
  SHOW_CURSOR,
  WRAP_OFF,
  WRAP_ON,
} from "./terminal.ts";

/** What is needed of a terminal. */
export interface Terminal {
  write(text: string): unknown;
  columns?: number;
  rows?: number;
}

export interface Live {
  /** Replaces what was drawn before. */
  draw(lines: readonly string[]): void;
  /** Writes lines that stay, above what is drawn. */
  print(text: string): void;
  /** Leaves the last drawing where it is. */
  end(): void;
}

/** On standard output; null where that is no terminal, or a dumb one. However the process ends, the cursor comes back. */
export function liveOutput(): Live | null {
  if (!canDraw()) return null;
  const live = createLive(process.stdout);
  process.once("exit", () => live.end());
  return live;
}

/**
 * Redraws a few lines in place: one write a frame, overwriting line by line, never erasing what is about to be
 * written again, so that nothing flickers.
 */
export function createLive(terminal: Terminal): Live {
  let drawn: readonly string[] = [];

  function frame(above: string, lines: readonly string[]): void {
    const fitting = lines.slice(0, Math.max(1, (terminal.rows || 24) - 1));
    const up = drawn.length > 0 ? `\x1b[${drawn.length}A\r` : HIDE_CURSOR;
    const body = fitting.map((line) => `${line}${ERASE_LINE_END}\n`).join("");
    terminal.write(`${BEGIN_UPDATE}${up}${above}${WRAP_OFF}${body}${WRAP_ON}${ERASE_BELOW}${END_UPDATE}`);
    drawn = fitting;
  }

  return {
    draw: (lines) => frame("", lines),
    print(text) {
      if (drawn.length === 0) terminal.write(`${text}\n`);
      else frame(text.replace(/\n*$/, "\n").replaceAll("\n", `${ERASE_LINE_END}\n`), drawn);
    },
    end() {
      if (drawn.length > 0) terminal.write(SHOW_CURSOR);
      drawn = [];
    },
  };
}
