export async function test(_folder?: string): Promise<number> {
  return 0;
}
