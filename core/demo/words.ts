/** The reference's own lists: dashboards and tests out there know them. */

export const METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD"] as const;

export const ROOTS = ["/widget", "/foo", "/beep", "/boop"] as const;

export const WORDS = [
  "unconvergent",
  "choragic",
  "umbellate",
  "redischarging",
  "quebrada",
  "contextured",
  "prerequest",
  "neckless",
  "billhook",
  "cobaltammine",
  "diaphototropism",
  "paraiba",
  "unsesquipedalian",
  "labyrinth",
  "interesterification",
  "dahlonega",
  "countryfiedness",
  "cayuga",
  "kernelled",
  "unprophesied",
] as const;

const CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/56.0.2924.87 Safari/537.36";

export const USER_AGENTS = [
  `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME}`,
  `Mozilla/5.0 (Windows NT 6.1; WOW64) ${CHROME}`,
  `Mozilla/5.0 (Windows NT 10.0; WOW64) ${CHROME}`,
  `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12_3) ${CHROME}`,
  `Mozilla/5.0 (Windows NT 6.1; Win64; x64) ${CHROME}`,
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_12_3) AppleWebKit/602.4.8 (KHTML, like Gecko) Version/10.0.3 Safari/602.4.8",
  "Mozilla/5.0 (Windows NT 10.0; WOW64; rv:51.0) Gecko/20100101 Firefox/51.0",
  "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
] as const;

export const RESPONSE_CODES = [200, 200, 200, 200, 200, 200, 200, 200, 403, 500] as const;

export const APIS = [
  { name: "Foo Bar Baz API", id: "de6e4d9ddde34d1657a6d93fab835abd" },
  { name: "Wibble Wobble API", id: "de6e4d9ddde34d1657a6d92fab935aba" },
  { name: "Wonky Ponky API", id: "de6e4d9ddde34d1657a6d91fab836abb" },
] as const;

export const COUNTRIES = ["RU", "US", "UK"] as const;
