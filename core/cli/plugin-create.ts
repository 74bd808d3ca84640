import { resolve } from "node:path";
import { createPlugin } from "../plugins/create.ts";
import { EXIT } from "./errors.ts";
import { say } from "./plugin-folder.ts";

export function create(name: string): number {
  createPlugin(resolve(name));
  say(`${name} is a sink that works. Next:`);
  say(`  cd ${name}`);
  say("  sluice plugin test      # what a sink must stand");
  say("  sluice plugin link .    # try it in a pump");
  return EXIT.ok;
}
