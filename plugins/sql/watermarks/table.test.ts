/** What two owners of a chunk see of each other's marks. */
import { setTimeout as sleep } from "node:timers/promises";
import { Redeliver } from "@sluice/sdk";
import { describe, expect, test } from "vitest";
import { useDatabases } from "../aggregate/testing/databases.ts";
import type { Session } from "../database/database.ts";
import { openDatabase } from "../database/open.ts";
import { migrate } from "../database/schema.ts";
import type { ConnectionSettings } from "../database/settings.ts";
import { advanceMarks, MARKS } from "./table.ts";

describe.each(useDatabases(["PostgreSQL", "MariaDB"]))("$name", (database) => {
  test("another owner that is faster while many chunks are marked is seen", async () => {
    const settings = { ...database.config, mysql: { default_string_size: 0 } } as ConnectionSettings;
    const [one, other] = [await openDatabase(settings), await openDatabase(settings)];
    const { dialect } = one;
    await migrate(one, dialect, MARKS);
    const chunks = Array.from({ length: 600 }, (_, i) => `chunk ${String(i).padStart(3, "0")}`);
    const last = chunks.at(-1)!;
    // Within one second: what is written to the mark is then the same.
    await sleep(1000 - (Date.now() % 1000));
    const marked = one.transaction(async (session) => {
      let statements = 0;
      const query: Session["query"] = async (sql, values) => {
        // Behind the first 500.
        if (++statements === 4)
          await other.transaction((theirs) => advanceMarks(theirs, dialect, "s", [{ chunk: last, from: 0, to: 10 }]));
        return session.query(sql, values);
      };
      await advanceMarks(
        { query },
        dialect,
        "s",
        chunks.map((chunk) => ({ chunk, from: 0, to: 5 })),
      );
    });
    await expect(marked).rejects.toThrow(Redeliver);
    await Promise.all([one.close(), other.close()]);
  });
});
