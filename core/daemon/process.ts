import { readFileSync } from "node:fs";

/** A process as nothing else can be taken for it: the system gives numbers of processes again. */
export interface ProcessIdentity {
  pid: number;
  /** When it began, as the system counts; null where the system does not tell. */
  began: string | null;
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, began: look(process.pid)?.began ?? null };
}

/** Whether this very process is there. One that has ended and waits for its parent is not. */
export function isAlive({ pid, began }: ProcessIdentity): boolean {
  const now = look(pid);
  if (now !== null && began !== null) return now.began === began && now.alive;
  try {
    process.kill(pid, 0);
    return now?.alive ?? true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Fields 3 and 22 of proc_pid_stat(5): the state, and the start in ticks since the system began. */
function look(pid: number): { alive: boolean; began: string } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { alive: fields[0] !== "Z" && fields[0] !== "X", began: fields[19] ?? "" };
  } catch {
    return null;
  }
}
