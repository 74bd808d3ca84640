import { basename } from "node:path";
import { type ControlClient, controlClient } from "../control/client.ts";
import { hasFolder, type Instance, instanceOf } from "../control/instance.ts";
import { configurationFile } from "./configuration.ts";
import { version } from "./version.ts";

/** The pump that a command is about. */
export interface Which {
  /** How people know it. */
  name: string;
  instance: Instance;
  client: ControlClient;
}

/**
 * By its configuration, found as `sluice start` finds it but not read, or by its socket. Throws ControlError where the folder of
 * its socket is not to be trusted.
 */
export function whichPump({ conf, socket }: { conf?: string; socket?: string }): Which {
  const file = configurationFile(conf);
  const instance = instanceOf(file);
  if (socket === undefined) hasFolder(instance);
  const name = socket ?? (file === null ? "the environment's variables" : basename(file));
  return { name, instance, client: controlClient({ socket: socket ?? instance.socket, name, version: version() }) };
}
