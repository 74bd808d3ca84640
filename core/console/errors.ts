export const CONSOLE_ERROR_CODES = {
  portInUse: "SLUICE_CONSOLE_PORT_IN_USE",
  listen: "SLUICE_CONSOLE_LISTEN",
  page: "SLUICE_CONSOLE_PAGE",
  host: "SLUICE_CONSOLE_HOST",
  origin: "SLUICE_CONSOLE_ORIGIN",
  token: "SLUICE_CONSOLE_TOKEN",
  tooMany: "SLUICE_CONSOLE_TOO_MANY",
} as const;

/** The console cannot be served, or refuses a request. */
export class ConsoleError extends Error {
  readonly code: (typeof CONSOLE_ERROR_CODES)[keyof typeof CONSOLE_ERROR_CODES];

  constructor(code: ConsoleError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "ConsoleError";
    this.code = code;
  }
}
