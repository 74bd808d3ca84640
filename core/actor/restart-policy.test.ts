import { expect, test } from "vitest";
import { RESTART_WINDOW_MS, RESTARTS, RestartPolicy } from "./restart-policy.ts";

test("five restarts within a minute, the next end suspends", () => {
  const policy = new RestartPolicy();
  for (let i = 1; i <= RESTARTS; i++) expect(policy.ended(i * 1000)).toEqual({ restart: true, attempt: i });
  expect(policy.ended(10_000)).toEqual({ restart: false });
});

test("ends that lie long back do not count", () => {
  const policy = new RestartPolicy();
  for (let i = 0; i < 100; i++) {
    expect(policy.ended(i * RESTART_WINDOW_MS)).toEqual({ restart: true, attempt: 1 });
  }
});

test("after a probe the first end suspends again; after a reset it does not", () => {
  const policy = new RestartPolicy();
  policy.exhaust(0);
  expect(policy.ended(1000)).toEqual({ restart: false });
  policy.reset();
  expect(policy.ended(2000)).toEqual({ restart: true, attempt: 1 });
});
