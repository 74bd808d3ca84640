import { spawn } from "node:child_process";

/** Kills a process when this one dies, however it dies: it reads our end of a pipe. Gives what ends the guard itself. */
export function guard(pid: number): () => void {
  const child = spawn("sh", ["-c", `cat >/dev/null; kill -9 ${pid} 2>/dev/null`], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  child.unref();
  return () => {
    child.kill();
    child.stdin.destroy();
  };
}
