import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { EXIT } from "./errors.ts";

const PROCESS = fileURLToPath(new URL("../plugins/test-process.ts", import.meta.url));

/** In a process of its own, as its author: what is being written is not confined yet. */
export async function test(folder = "."): Promise<number> {
  const child = spawn(process.execPath, ["--no-warnings", PROCESS, folder], { stdio: "inherit" });
  const [code] = await once(child, "close");
  return code === 0 ? EXIT.ok : EXIT.failed;
}
