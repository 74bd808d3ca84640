const LINES_A_SECOND = 50;
const LONGEST_LINE = 8 * 1024;

/** What a plugin prints is logged line by line, so many a second and so long; the rest is counted. */
export function outputLimit(
  print: (line: string) => void,
  now: () => number = () => performance.now(),
): (text: string) => void {
  let second = 0;
  let lines = 0;
  let dropped = 0;
  return (text) => {
    const at = Math.floor(now() / 1000);
    if (at !== second) {
      if (dropped > 0) print(`${dropped} more lines that it printed were dropped`);
      second = at;
      lines = dropped = 0;
    }
    for (const line of text.split("\n")) {
      if (line.trim() === "") continue;
      if (++lines <= LINES_A_SECOND) print(line.slice(0, LONGEST_LINE));
      else dropped++;
    }
  };
}
