const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

export function chunks(n: number): string {
  return `${count(n)} ${n === 1 ? "chunk" : "chunks"}`;
}

/** 1,234; below ten with a tenth. */
export function count(n: number): string {
  return (n > 0 && n < 10 ? tenth : whole).format(n);
}

/** 12.3k, 4.5M: for where there is little room. */
export function short(n: number): string {
  if (n < 10_000) return count(n);
  return n < 1e6 ? `${tenth.format(n / 1e3)}k` : n < 1e9 ? `${tenth.format(n / 1e6)}M` : `${tenth.format(n / 1e9)}G`;
}

/** Units of 1024: 12.3 MiB. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  let value = n;
  while (value >= 1024 && i < units.length - 1) {
    value /= 1024;
    i++;
  }
  return `${i === 0 ? whole.format(value) : tenth.format(value)} ${units[i]}`;
}

/** 0.8 ms, 420 ms, 4.2 s, 3 min, 2 h 5 min, 4 days */
export function duration(ms: number): string {
  if (ms < 1000) return `${count(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${tenth.format(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

export function percent(part: number): string {
  return `${(part < 0.1 ? tenth : whole).format(part * 100)} %`;
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}

export function moment(at: number): string {
  return new Date(at).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}
