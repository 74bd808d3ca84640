import { expect, test } from "vitest";
import { CpuAlarm } from "./cpu-alarm.ts";

test("speaks when a core was busy for a minute, and not again at once", () => {
  const alarm = new CpuAlarm();
  const told: number[] = [];
  for (let second = 0; second <= 300; second++) if (alarm.look(second * 0.95, second * 1000)) told.push(second);
  expect(told).toEqual([60]);
});

test("says nothing of a sink that rests now and then, or of a new actor", () => {
  const alarm = new CpuAlarm();
  let cpu = 0;
  for (let second = 0; second <= 600; second++) {
    cpu = second % 50 === 0 ? 0 : cpu + 1;
    expect(alarm.look(cpu, second * 1000)).toBeNull();
  }
  const calm = new CpuAlarm();
  for (let second = 0; second <= 600; second++) expect(calm.look(second * 0.5, second * 1000)).toBeNull();
});
