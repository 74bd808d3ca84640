export const ADMIN_ERROR_CODES = {
  PortInUse: "SLUICE_ADMIN_PORT_IN_USE",
  Listen: "SLUICE_ADMIN_LISTEN",
} as const;

/** The health and metrics server cannot listen. */
export class AdminError extends Error {
  readonly code: (typeof ADMIN_ERROR_CODES)[keyof typeof ADMIN_ERROR_CODES];

  constructor(code: AdminError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "AdminError";
    this.code = code;
  }
}
