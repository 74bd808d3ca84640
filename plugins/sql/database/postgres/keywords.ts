import { Fatal } from "@sluice/sdk";

/**
 * The settings of a connection string in either of libpq's forms, `host=h user=u` or `postgres://u:p@h:5432/d?sslmode=disable`:
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Messages say nothing of what is in it: it may hold a password.
 */
export function parseKeywords(text: string): Map<string, string> {
  return /^postgres(ql)?:\/\//.test(text) ? parseUrl(text) : parsePairs(text);
}

function parsePairs(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  const pair = /\s*([^\s=]+)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|((?:[^\s\\]|\\.)*))\s*/gsy;
  while (pair.lastIndex < text.length) {
    const match = pair.exec(text);
    if (!match) throw malformed("it is neither a postgres:// URL nor a list of key=value");
    settings.set(match[1]!, (match[2] ?? match[3]!).replace(/\\(.)/gs, "$1"));
  }
  return settings;
}

function parseUrl(text: string): Map<string, string> {
  // Several hosts are no URL: they are read here. A password may have an @, the last one ends it.
  const match =
    /^postgres(?:ql)?:\/\/(?:([^:@/]*)(?::((?:[^@]|@(?=[^/?]*@))*))?@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s.exec(text);
  if (!match) throw malformed("it is not a URL like postgres://user:password@host:5432/database");
  const [, user, password, hosts = "", database, query] = match;
  const settings = new Map<string, string>();
  const set = (key: string, value: string | undefined) => {
    if (value) settings.set(key, decode(value));
  };
  set("user", user);
  set("password", password);
  set("dbname", database);
  const places = hosts.split(",").map((place) => /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(place));
  if (places.includes(null)) throw malformed("its host is not like host:5432");
  set("host", places.map((place) => place![1]!.replace(/^\[|\]$/g, "")).join(","));
  if (places.some((place) => place![2])) set("port", places.map((place) => place![2] || "5432").join(","));
  for (const [key, value] of new URLSearchParams(query ?? "")) settings.set(key, value);
  return settings;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw malformed("a % in it is not followed by two digits: write %25");
  }
}

function malformed(why: string): Fatal {
  return new Fatal(`connection_string cannot be read: ${why}`);
}
