import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const DECODER = fileURLToPath(new URL("./decode-process.ts", import.meta.url));

/** CPU that each of two busy processes needs for its work, times what one alone does. 1: each has a core of its own. */
export async function crowding(): Promise<number> {
  const children = [fork(DECODER), fork(DECODER)];
  try {
    await Promise.all(children.map((child) => once(child, "message")));
    const alone = await work(children[0]!);
    const [one, other] = await Promise.all(children.map(work));
    return (one! + other!) / 2 / alone;
  } finally {
    for (const child of children) child.kill();
  }
}

/** CPU ns a record. */
async function work(child: ChildProcess): Promise<number> {
  child.send("go");
  const [cpu] = (await once(child, "message")) as [number];
  return cpu;
}
