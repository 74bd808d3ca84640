/** By default a SIGHUP ends the process: also a pump that is only starting, which is to read its configuration again. */
let asked = false;
const remember = () => {
  asked = true;
};

/** From now on it is remembered. */
export function holdHangups(): void {
  if (!process.listeners("SIGHUP").includes(remember)) process.on("SIGHUP", remember);
}

/** Calls this at each from now on, and at once where one is remembered. */
export function onHangup(reload: () => void): void {
  process.on("SIGHUP", reload);
  process.off("SIGHUP", remember);
  if (asked) reload();
  asked = false;
}

/** It ends the process after all, as one that is remembered does. */
export function endOnHangup(): void {
  // A listener, too: one that came before may not have been heard yet.
  const end = () => {
    process.off("SIGHUP", end);
    process.kill(process.pid, "SIGHUP");
  };
  onHangup(end);
}
