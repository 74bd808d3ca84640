import { Fatal, Refused, Retryable, SINK_ERROR_CODES, type SinkError } from "@sluice/sdk";
import type { Driver } from "./driver.ts";

const CODES: ReadonlySet<unknown> = new Set(Object.values(SINK_ERROR_CODES));

/** A driver's error as the host's: who is at fault, and what the database said. What is the host's already passes. */
export function sinkError(driver: Pick<Driver, "dialect" | "fault">, error: unknown): SinkError {
  const thrown = error as Partial<SinkError> | null;
  if (CODES.has(thrown?.code)) return thrown as SinkError;
  const { product } = driver.dialect;
  const said = describe(error);
  switch (driver.fault(error)) {
    case "refused":
      return new Refused(`${product} refuses the data: ${said}`, { cause: error });
    case "fatal":
      return new Fatal(`${product} cannot be used as configured: ${said}`, { cause: error });
    default:
      return new Retryable(`${product} cannot take the data now: ${said}`, { cause: error });
  }
}

/** Message and code; drivers give an AggregateError for a host of several addresses, which has no message of its own. */
function describe(error: unknown): string {
  const { message, code, errors } = error as { message?: string; code?: string; errors?: readonly unknown[] };
  if (!message && errors?.length) return describe(errors[0]);
  const text = message || "no message";
  return code === undefined || text.includes(code) ? text : `${text} (${code})`;
}
