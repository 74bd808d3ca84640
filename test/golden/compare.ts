/** Lines as text of one character a byte, so that bytes that are not UTF-8 count too. */
export function lines(bytes: Buffer): string[] {
  return bytes.toString("latin1").replace(/\n$/, "").split("\n");
}

/** Without what the wall clock says. */
function timeless(line: string): string {
  return line.replace(/(^time=|[{,]"time":)"[^"]*"/, '$1"*"');
}

/** The first difference, in words; null if there is none. */
function difference(actual: readonly string[], expected: readonly string[]): string | null {
  const at = expected.findIndex((line, i) => line !== actual[i]);
  if (at < 0) {
    const counts = `${actual.length} lines, ${expected.length} expected`;
    return actual.length === expected.length ? null : counts;
  }
  const [is = "", should = ""] = [actual[at], expected[at]];
  let i = 0;
  while (i < is.length && is[i] === should[i]) i++;
  const from = Math.max(0, i - 40);
  return `line ${at}, character ${i}:\n  is     ${is.slice(from, i + 80)}\n  should ${should.slice(from, i + 80)}`;
}

/** `cut`: the recording is only the first lines. */
export function csvDifference(actual: string[], recorded: string[], cut = false): string | null {
  return difference(cut ? actual.slice(0, recorded.length) : actual, recorded);
}

/** The reference leaves out records with coordinates that are no finite numbers; here they are null. */
export const UNKNOWN_PLACE: RegExp = /"location":\{"latitude":(null,"longitude":|[^,]*,"longitude":null)/;

export function stdoutDifference(actual: string[], recorded: string[], cut = false): string | null {
  return csvDifference(actual.filter((line) => !UNKNOWN_PLACE.test(line)).map(timeless), recorded.map(timeless), cut);
}
