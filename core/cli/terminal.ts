/** Whether lines on standard output can be drawn over: not in a file, and not where the terminal says that it obeys nothing. */
export function canDraw(): boolean {
  return process.stdout.isTTY === true && process.env.TERM !== "dumb";
}

/** What a terminal obeys. */
export const HIDE_CURSOR = "\x1b[?25l";
export const SHOW_CURSOR = "\x1b[?25h";
/** Terminals that know it show the whole update at once; the others ignore it. */
export const BEGIN_UPDATE = "\x1b[?2026h";
export const END_UPDATE = "\x1b[?2026l";
export const ERASE_LINE_END = "\x1b[K";
export const ERASE_BELOW = "\x1b[J";
export const WRAP_OFF = "\x1b[?7l";
export const WRAP_ON = "\x1b[?7h";
export const HOME = "\x1b[H";
/** Another page than the one with the shell's lines. */
export const OTHER_SCREEN = "\x1b[?1049h";
export const FIRST_SCREEN = "\x1b[?1049l";
