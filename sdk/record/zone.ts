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

/** The same time under another abbreviation. Intl does not tell it from UTC. */
const GMT = /^(Etc\/)?(GMT[+-]?0?|Greenwich)$/;
const GMT_OFFSET: ZoneOffset = { offset: 0, abbreviation: "GMT" };

const CELL = 900;
const MAX_CELLS = 20_000;
/** The range of Date, in seconds. */
const LAST = 8.64e12;

/** Locales that between them know the customary English abbreviations; the rest has "GMT+3". */
const LOCALES = ["en-US", "en-GB", "en-IN", "en-AU", "en-NZ", "en-ZA"];

/** Where the tz database has other abbreviations than English locales, or has one where they have none. */
const CUSTOMARY = new Map<string, { readonly [offset: number]: string }>();
for (const [zones, names] of [
  ["Africa/Casablanca Africa/El_Aaiun Antarctica/Troll", { 0: "+00" }],
  ["Africa/Johannesburg", { 7200: "SAST" }],
  ["Africa/Lagos", { 3600: "WAT" }],
  ["Africa/Maputo", { 7200: "CAT" }],
  ["Africa/Nairobi", { 10800: "EAT" }],
  ["America/Adak", { [-36000]: "HST", [-32400]: "HDT" }],
  ["America/Dawson America/Hermosillo America/Mazatlan America/Whitehorse", { [-25200]: "MST" }],
  ["America/Havana", { [-18000]: "CST", [-14400]: "CDT" }],
  ["America/St_Johns", { [-12600]: "NST", [-9000]: "NDT" }],
  ["Antarctica/Casey", { 28800: "+08" }],
  ["Asia/Colombo", { 19800: "+0530" }],
  ["Asia/Dubai Asia/Muscat", { 14400: "+04" }],
  ["Asia/Hong_Kong", { 28800: "HKT" }],
  ["Asia/Jakarta Asia/Pontianak", { 25200: "WIB" }],
  ["Asia/Jayapura", { 32400: "WIT" }],
  ["Asia/Jerusalem", { 7200: "IST", 10800: "IDT" }],
  ["Asia/Karachi", { 18000: "PKT" }],
  ["Asia/Makassar", { 28800: "WITA" }],
  ["Asia/Manila", { 28800: "PST" }],
  ["Asia/Pyongyang Asia/Seoul", { 32400: "KST" }],
  ["Asia/Macau Asia/Shanghai Asia/Taipei", { 28800: "CST" }],
  ["Asia/Tokyo", { 32400: "JST" }],
  ["Australia/Eucla", { 31500: "+0845" }],
  ["Australia/Lord_Howe", { 37800: "+1030", 39600: "+11" }],
  ["Europe/Dublin", { 3600: "IST" }],
  ["Europe/Guernsey Europe/Isle_of_Man Europe/Jersey", { 3600: "BST" }],
  ["Europe/Kirov Europe/Moscow Europe/Simferopol Europe/Volgograd", { 10800: "MSK" }],
  ["Pacific/Chatham", { 45900: "+1245", 49500: "+1345" }],
  ["Pacific/Guam Pacific/Saipan", { 36000: "ChST" }],
  ["Pacific/Midway Pacific/Pago_Pago", { [-39600]: "SST" }],
] as const) {
  for (const zone of zones.split(" ")) CUSTOMARY.set(zone, names);
}

/** 1835: before, all places have their local mean time, ms. */
const FIRST_STANDARD = -4_260_000_000_000;
/** A winter and a summer whose abbreviations Intl knows, ms: it knows none before 1970. */
const KNOWN = [Date.UTC(2024, 0), Date.UTC(2024, 6)];

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
  if (GMT.test(process.env.TZ ?? "")) return { ...UTC, name: "Local", at: () => GMT_OFFSET };
  const name = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const utc = /^(Etc\/)?(UTC|UCT|Universal|Zulu)$/.test(name);
  return (utc ? null : createZone(name, "Local")) ?? { ...UTC, name: "Local" };
}

function createZone(timeZone: string, name: string): Zone | null {
  // Intl also takes offsets ("+01:00") and ignores case; Go's database has neither.
  if (!/^[A-Z]/.test(timeZone)) return null;
  if (GMT.test(timeZone)) return { ...UTC, name, at: () => GMT_OFFSET };
  let offsets: Intl.DateTimeFormat;
  try {
    offsets = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" });
  } catch {
    return null;
  }
  const canonical = offsets.resolvedOptions().timeZone;
  let names: Intl.DateTimeFormat[] | undefined;
  const cells = new Map<number, ZoneOffset>();

  const offsetAt = (ms: number) => parseOffset(zoneName(offsets, ms));
  const nameAt = (ms: number): string | undefined => {
    names ??= LOCALES.map((locale) => new Intl.DateTimeFormat(locale, { timeZone, timeZoneName: "short" }));
    for (const format of names) {
      const found = zoneName(format, ms);
      if (/^[A-Z]{2,5}$/.test(found)) return found;
    }
  };
  const abbreviationAt = (ms: number, offset: number): string => {
    if (offset % 60 !== 0 || (ms < FIRST_STANDARD && offset !== 0 && !canonical.startsWith("Etc/"))) return "LMT";
    const alike = () => KNOWN.filter((at) => offsetAt(at) === offset).map(nameAt)[0];
    return CUSTOMARY.get(canonical)?.[offset] ?? nameAt(ms) ?? alike() ?? offsetText(offset);
  };

  const look = (seconds: number): ZoneOffset => {
    const ms = Math.max(-LAST, Math.min(LAST, seconds)) * 1000;
    const offset = offsetAt(ms);
    return { offset, abbreviation: abbreviationAt(ms, offset) };
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

/** "+0530", "-03" */
function offsetText(offset: number): string {
  const minutes = Math.abs(offset) / 60;
  const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
  const rest = minutes % 60 === 0 ? "" : String(minutes % 60).padStart(2, "0");
  return `${offset < 0 ? "-" : "+"}${hours}${rest}`;
}
