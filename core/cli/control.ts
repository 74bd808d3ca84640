import { createCompute } from "../compute/pool.ts";
import type { Control } from "../control/control.ts";
import { createDeadLetters } from "../control/dead-letters.ts";
import { instanceOf } from "../control/instance.ts";
import { type ControlParts, createControl } from "../control/local.ts";
import { createReplay, type Replaying } from "../control/replay.ts";
import { type ControlSocket, serveControl } from "../control/socket.ts";
import { tapOf } from "../control/tap.ts";
import type { DeliveryLog } from "../log/log.ts";
import { describeError, errorCode } from "../logging/index.ts";
import type { Logger } from "../logging/logger.ts";

export interface ServedControl {
  control: Control;
  close(): Promise<void>;
}

/** Of the pool of threads for what is asked. */
const IDLE_MS = 10_000;

/** Serves what can be asked of a pump on the socket of its instance; a pump that cannot, or another has it, runs without. */
export async function openControl(
  { log, replay, ...parts }: Omit<ControlParts, "letters" | "tap"> & Replaying & { log: DeliveryLog },
  logger: Logger,
): Promise<ServedControl> {
  const compute = createCompute({ idleMs: IDLE_MS });
  const letters = createDeadLetters({ lists: log.lists, compute, replay: createReplay({ crew: parts.crew, replay }) });
  const control = createControl({
    ...parts,
    letters,
    tap: (sink, records) => tapOf(sink, records, { lists: log.lists, compute }),
  });
  let socket: ControlSocket | null = null;
  try {
    socket = await serveControl(control, instanceOf(parts.configuration), logger);
  } catch (error) {
    logger.warn(`Commands cannot reach this pump: ${describeError(error)}`, { code: errorCode(error) });
  }
  return {
    control,
    async close() {
      await socket?.close();
      await compute.close();
    },
  };
}
