/**
 * Offsets and abbreviations of time zones, from Intl, cached for an hour of the zone's time line: asking Intl costs some
 * microseconds, and transitions lie on whole quarters of an hour, so a cell of 15 minutes has one answer.
 */
export interface ZoneOffset {
  /** Seconds east of UTC. */
  readonly offset: number;
  /** As Go prints it: "CET", "-03", "LMT". */
  readonly abbreviation: string;
}

export interface Zone {
  /** A name of the tz database, "UTC" or "Local". */
  readonly name: string;
  readonly utc: boolean;
  at(seconds: number): ZoneOffset;
}

const UTC_OFFSET: ZoneOffset = { offset: 0, abbreviation: "UTC" };
export const UTC: Zone = { name: "UTC", utc: true, at: () => UTC_OFFSET };

const CELL = 900;
const MAX_CELLS = 20_000;
/** The range of Date, in seconds. */
const LAST = 8.64e12;

/** Locales that between them know the customary English abbreviations; the rest has "GMT+3". */
const LOCALES = ["en-US", "en-GB", "en-IN", "en-AU", "en-NZ", "en-ZA"];

/** Abbreviations of the tz database that no English locale has. */
const CUSTOMARY: { readonly [zone: string]: { readonly [offset: number]: string } } = {
  "Asia/Tokyo": { 32400: "JST" },
  "Asia/Seoul": { 32400: "KST" },
  "Asia/Shanghai": { 28800: "CST" },
  "Asia/Taipei": { 28800: "CST" },
  "Asia/Hong_Kong": { 28800: "HKT" },
  "Asia/Manila": { 28800: "PST" },
  "Asia/Jakarta": { 25200: "WIB" },
  "Asia/Karachi": { 18000: "PKT" },
  "Asia/Jerusalem": { 7200: "IST", 10800: "IDT" },
  "Europe/Moscow": { 10800: "MSK" },
  "Africa/Lagos": { 3600: "WAT" },
  "Africa/Nairobi": { 10800: "EAT" },
  "Africa/Maputo": { 7200: "CAT" },
  "Africa/Johannesburg": { 7200: "SAST" },
};

const zones = new Map<string, Zone | null>();

/** By its name in a record's TimeZone; null where there is none. */
export function zoneNamed(name: string): Zone | null {
  if (name === "" || name === "UTC") return UTC;
  if (name === "Local") return localZone();
  let zone = zones.get(name);
  if (zone === undefined) {
    zone = createZone(name, name);
    // Names come from records: a hostile one must not fill the memory.
    if (zones.size > 1000) zones.clear();
    zones.set(name, zone);
  }
  return zone;
}

let local: { zone: Zone; tz: string | undefined } | undefined;

/** The process's own zone: `TZ`. */
export function localZone(): Zone {
  const tz = process.env.TZ;
  if (!local || local.tz !== tz) local = { zone: processZone(), tz };
  return local.zone;
}

function processZone(): Zone {
  const name = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const utc = /^(Etc\/)?(UTC|UCT|Universal|Zulu)$/.test(name);
  return (utc ? null : createZone(name, "Local")) ?? { ...UTC, name: "Local" };
}

function createZone(timeZone: string, name: string): Zone | null {
  // Intl also takes offsets ("+01:00") and ignores case; Go's database has neither.
  if (!/^[A-Za-z]/.test(timeZone)) return null;
  let offsets: Intl.DateTimeFormat;
  try {
    offsets = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  } catch {
    return null;
  }
  let names: Intl.DateTimeFormat[] | undefined;
  const cells = new Map<number, ZoneOffset>();

  const look = (seconds: number): ZoneOffset => {
    const ms = Math.max(-LAST, Math.min(LAST, seconds)) * 1000;
    const offset = parseOffset(zoneName(offsets, ms));
    names ??= LOCALES.map((locale) => new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" }));
    return { offset, abbreviation: abbreviate(timeZone, offset, names, ms) };
  };

  return {
    name,
    utc: false,
    at(seconds) {
      const cell = Math.floor(seconds / CELL);
      let found = cells.get(cell);
      if (!found) {
        found = look(seconds);
        if (cells.size >= MAX_CELLS) cells.clear();
        cells.set(cell, found);
      }
      return found;
    },
  };
}

function zoneName(format: Intl.DateTimeFormat, ms: number): string {
  return format.formatToParts(ms).find((part) => part.type === "timeZoneName")?.value ?? "GMT";
}

/** "GMT", "GMT+05:30", "GMT-04:56:02" */
function parseOffset(text: string): number {
  const match = /([+\u2212-])(\d\d):(\d\d)(?::(\d\d))?$/.exec(text);
  if (!match) return 0;
  const size = Number(match[2]) * 3600 + Number(match[3]) * 60 + Number(match[4] ?? 0);
  return match[1] === "+" ? size : -size;
}

function abbreviate(timeZone: string, offset: number, names: readonly Intl.DateTimeFormat[], ms: number): string {
  if (offset % 60 !== 0) return "LMT";
  const customary = CUSTOMARY[timeZone]?.[offset];
  if (customary) return customary;
  for (const format of names) {
    const name = zoneName(format, ms);
    if (/^[A-Z]{2,5}$/.test(name)) return name;
  }
  const minutes = Math.abs(offset) / 60;
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${hours}${rest}`;
}
