import type { Control } from "../control/control.ts";
import { ControlError } from "../control/errors.ts";
import { instanceOf } from "../control/instance.ts";
import { type ControlParts, createControl } from "../control/local.ts";
import type { Logger } from "../logging/logger.ts";

export interface ServedControl {
  control: Control;
  close(): Promise<void>;
}

/** Serves what can be asked of a pump on the socket of its instance; a pump that cannot, or another has it, runs without. */
export async function openControl(parts: ControlParts, logger: Logger): Promise<ServedControl> {
  const control = createControl(parts);
  try {
    const { serveControl } = await import("../control/socket.ts");
    return { control, ...(await serveControl(control, instanceOf(parts.configuration), logger)) };
  } catch (error) {
    if (!(error instanceof ControlError)) throw error;
    logger.warn(`Commands cannot reach this pump: ${error.message}`, { code: error.code, error: error.cause });
    return { control, close: async () => {} };
  }
}
