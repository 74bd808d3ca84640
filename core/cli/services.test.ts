import { expect, test } from "vitest";
import { slot } from "./services.ts";

/** A service that notes what becomes of it; `start` may be told to fail, or to wait. */
function scene() {
  const noted: string[] = [];
  const ways = { fail: false, wait: Promise.resolve() };
  const service = slot(async (name: string) => {
    await ways.wait;
    if (ways.fail) throw new Error(`${name} does not start`);
    noted.push(`start ${name}`);
    return { name, stop: async () => void noted.push(`stop ${name}`) };
  });
  return { noted, ways, service };
}

test("a service is started, left alone while its configuration is the same, replaced, and ended", async () => {
  const { noted, service } = scene();
  for (const config of [null, "a", "a", "b", null, null]) await service.fit(config);
  expect(noted).toEqual(["start a", "stop a", "start b", "stop b"]);
  expect(service.running).toBeNull();
});

test("one that did not start is tried again with the same configuration", async () => {
  const { noted, ways, service } = scene();
  await service.fit("a");
  ways.fail = true;
  await expect(service.fit("b")).rejects.toThrow("b does not start");
  expect(service.running).toBeNull();
  ways.fail = false;
  await service.fit("b");
  expect(service.running?.name).toBe("b");
  // The former one, too, where the change is taken back.
  ways.fail = true;
  await expect(service.fit("a")).rejects.toThrow();
  ways.fail = false;
  await service.fit("b");
  expect(noted).toEqual(["start a", "stop a", "start b", "stop b", "start b"]);
});

test("an end that comes while it starts leaves nothing behind", async () => {
  const { noted, ways, service } = scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  ways.wait = promise;
  const both = [service.fit("a"), service.fit(null)];
  resolve();
  await Promise.all(both);
  expect(noted).toEqual(["start a", "stop a"]);
  expect(service.running).toBeNull();
});
