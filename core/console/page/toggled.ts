/** With the item where it was without it, and the other way round. */
export function toggled<T>(set: ReadonlySet<T>, item: T): ReadonlySet<T> {
  const other = new Set(set);
  if (!other.delete(item)) other.add(item);
  return other;
}
