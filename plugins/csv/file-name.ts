const MONTHS = "January February March April May June July August September October November December".split(" ");

/** `2024-May-1-9.csv`: year, month, day and hour of the process's own zone, without zeros before them. */
export function fileName(now: Date): string {
  return `${now.getFullYear()}-${MONTHS[now.getMonth()]}-${now.getDate()}-${now.getHours()}.csv`;
}
