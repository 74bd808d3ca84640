import type { SinkConfig } from "../config/config.ts";
import { confine } from "../plugins/confine.ts";
import { pathsIn } from "../plugins/paths.ts";
import type { Home, MakeBody } from "./body.ts";
import { processBody } from "./process-body.ts";
import { unstartedBody } from "./unstarted-body.ts";
import { workerBody } from "./worker-body.ts";

/** Looked at anew for each actor: a folder or a variable may have come or gone. */
export function homeOf({ plugin, config }: Pick<SinkConfig, "plugin" | "config">): Home {
  const confinement = confine(plugin, pathsIn(config, plugin.pathKeys));
  return { isolation: plugin.isolation, confinement, files: plugin.files };
}

/** A thread or a process, as the plugin needs. */
export const createBody: MakeBody = (name, home, heap, events) => {
  try {
    return (home.isolation === "process" ? processBody : workerBody)(name, home, heap, events);
  } catch (error) {
    return unstartedBody(home.isolation, Promise.resolve(error), events);
  }
};
