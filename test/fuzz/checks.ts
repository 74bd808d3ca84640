/** Throws if something was written to what all objects share. */
export function unpolluted(): void {
  for (const shared of [Object.prototype, Array.prototype, Function.prototype]) {
    if (Object.keys(shared).length > 0) throw new Error(`a shared prototype has ${Object.keys(shared)}`);
  }
  if ("polluted" in {}) throw new Error("every object is polluted");
}

/** Runs `read`; rethrows what it throws unless that is of one of these classes, which are sentences for a person. */
export async function orKnown<T>(
  read: () => T | Promise<T>,
  ...known: readonly (new (
    ...args: never
  ) => Error)[]
): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (known.some((one) => error instanceof one)) return undefined;
    throw error;
  }
}
