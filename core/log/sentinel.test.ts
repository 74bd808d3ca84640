import { expect, onTestFinished, test } from "vitest";
import { until } from "../../test/support/pump.ts";
import { NO_SERVER, redisLogConfig } from "../../test/support/redis.ts";
import { MASTER_NAME, startSentinels } from "../../test/support/sentinel.ts";
import { LOG_ERROR_CODES } from "./errors.ts";
import { openLink } from "./link.ts";

test("the master is found through any Sentinel; a wrong name or password is named; one that stands still is left", async () => {
  const it = await startSentinels({ password: "s3cret" }, { password: "s3ntinel" });
  onTestFinished(() => it.stop());
  const connect = async (changes: { master?: string; password?: string; of?: string } = {}) => {
    const { master = MASTER_NAME, password = "s3ntinel", of = "s3cret" } = changes;
    const nodes = [NO_SERVER, it.sentinels[0]!];
    const link = openLink(
      redisLogConfig(NO_SERVER, { nodes, sentinel: { master, password }, password: of, timeoutMs: 1000 }),
    );
    onTestFinished(() => link.close());
    await link.connect();
    return link.to("any");
  };
  const connection = await connect();
  expect(connection.where).toBe(`127.0.0.1:${it.master.port}`);
  await expect(connect({ of: "wr0ng" })).rejects.toMatchObject({ code: LOG_ERROR_CODES.auth });
  const wrong = await connect({ password: "wr0ng" }).catch((error: Error) => error);
  expect(String(wrong)).toMatch(/Sentinel|out of reach/);
  expect(String(wrong)).not.toContain("wr0ng");
  await expect(connect({ master: "another" })).rejects.toThrow(/another|out of reach/);

  // The master stands still with its connections: what is asked of it runs out of time, and the next one is asked for.
  await it.master.kill("SIGSTOP");
  await until(async () => {
    await connection.send("TIME", [], "any").catch(() => undefined);
    return connection.where === `127.0.0.1:${it.replica.port}` && connection.connectedAt !== null;
  }, "the new master");
  expect(await connection.send("ROLE", [], "any")).toContain("master");
});
