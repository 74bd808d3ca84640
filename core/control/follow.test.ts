import { expect, test } from "vitest";
import { fakeStatus } from "../admin/fake-status.ts";
import { createFollow } from "./follow.ts";

test("all who wait get the same snapshot, and none is made for nobody", async () => {
  let made = 0;
  const follow = createFollow(() => {
    made++;
    return fakeStatus([]);
  }, 20);
  const [one, other] = [follow(), follow()];
  const first = await Promise.all([one.next(), other.next()]);
  expect(first[0].value).not.toBe(first[1].value);
  for (let i = 0; i < 3; i++) {
    const [a, b] = await Promise.all([one.next(), other.next()]);
    expect(a.value).toBe(b.value);
  }
  expect(made).toBe(5);
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(made).toBe(5);
});

test("an error of the snapshot reaches those who wait, and the next one is tried", async () => {
  let fails = false;
  const follow = createFollow(() => {
    if (fails) throw new Error("no status");
    return fakeStatus([]);
  }, 5);
  const one = follow();
  await one.next();
  fails = true;
  await expect(one.next()).rejects.toThrow("no status");
  fails = false;
  const other = follow();
  await other.next();
  expect((await other.next()).value).toMatchObject({ sinks: [] });
});
