import { emitKeypressEvents } from "node:readline";
import {
  BEGIN_UPDATE,
  END_UPDATE,
  ERASE_BELOW,
  ERASE_LINE_END,
  FIRST_SCREEN,
  HIDE_CURSOR,
  HOME,
  OTHER_SCREEN,
  SHOW_CURSOR,
  WRAP_OFF,
  WRAP_ON,
} from "./terminal.ts";

/** The whole terminal, until `end`. */
export interface Screen {
  readonly size: { columns: number; rows: number };
  draw(lines: readonly string[]): void;
  end(): void;
}

export interface ScreenEvents {
  /** As node:readline names it; Ctrl-C is "q". */
  key(name: string): void;
  resized(): void;
}

const ENTER = `${OTHER_SCREEN}${HIDE_CURSOR}${WRAP_OFF}`;
const LEAVE = `${WRAP_ON}${SHOW_CURSOR}${FIRST_SCREEN}`;
/** As a shell counts: 128 and the number of the signal. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Takes the terminal over. However the process ends but by SIGKILL, it is left as it was. */
export function openScreen(events: ScreenEvents): Screen {
  const { stdin, stdout } = process;
  let open = true;
  const end = () => {
    if (!open) return;
    open = false;
    stdin.setRawMode(false);
    stdin.pause();
    stdout.write(LEAVE);
  };
  process.on("exit", end);
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => process.exit(code));
  emitKeypressEvents(stdin);
  stdin.on("keypress", (_text, { name, ctrl }: { name?: string; ctrl?: boolean }) => {
    if (ctrl) {
      if (name === "c") events.key("q");
    } else if (name !== undefined) {
      events.key(name);
    }
  });
  // The terminal is gone.
  stdin.on("end", () => process.exit(SIGNALS.SIGHUP));
  stdout.on("error", () => process.exit(SIGNALS.SIGHUP));
  stdin.setRawMode(true);
  stdout.on("resize", events.resized);
  stdout.write(ENTER);
  return {
    get size() {
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 };
    },
    draw(lines) {
      if (!open) return;
      const body = lines.map((line) => `${line}${ERASE_LINE_END}`).join("\r\n");
      stdout.write(`${BEGIN_UPDATE}${HOME}${body}${ERASE_BELOW}${END_UPDATE}`);
    },
    end,
  };
}
