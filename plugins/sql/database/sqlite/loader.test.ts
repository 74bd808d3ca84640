import { MessageChannel } from "node:worker_threads";
import { F } from "@sluice/sdk";
import { batch } from "@sluice/sdk/testing";
import { expect, onTestFinished, test } from "vitest";
import { SqliteConnection } from "./driver.ts";
import { sqliteLoader } from "./loader.ts";

test("what has come meanwhile is heard before rows go in, so that it joins the next batch", async () => {
  const connection = new SqliteConnection(":memory:");
  onTestFinished(() => connection.close());
  connection.database.exec("CREATE TABLE t (path text)");
  const load = sqliteLoader([{ name: "path", value: F.path }]);
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  let heard = 0;
  const heardBefore = await new Promise<number>((resolve, reject) => {
    const until = { deadline: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
    port1.on("message", () => {
      if (++heard > 1) return;
      load(connection, "t", batch([{ path: "/a" }]), { until, rows: 1, done: () => resolve(heard) }).catch(reject);
    });
    for (let i = 0; i < 3; i++) port2.postMessage(i);
  });
  expect(heardBefore).toBe(3);
  expect((await connection.query("SELECT path FROM t")).rows).toEqual([{ path: "/a" }]);
});
