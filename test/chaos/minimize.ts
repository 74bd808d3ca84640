/**
 * The smallest part of `items` that still fails, as far as leaving some out shows (delta debugging). `fails` is asked at most `most` times.
 */
export async function smallest<T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  most = 200,
): Promise<readonly T[]> {
  let left = items;
  let asked = 0;
  for (let size = Math.ceil(left.length / 2); size >= 1; ) {
    let cut = false;
    for (let at = 0; at < left.length; ) {
      if (asked++ >= most) return left;
      const without = [...left.slice(0, at), ...left.slice(at + size)];
      if (without.length < left.length && (await fails(without))) {
        left = without;
        cut = true;
      } else at += size;
    }
    // What could not go may go once something else has.
    if (size === 1 && !cut) break;
    if (size > 1) size = Math.ceil(size / 2);
  }
  return left;
}
