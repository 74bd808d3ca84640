import { accessSync, constants, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Fatal } from "@sluice/sdk";
import { openDatabase } from "./open.ts";
import { columnsOf } from "./schema.ts";
import type { ConnectionSettings } from "./settings.ts";

/** Tries the connection and looks for the table, for `sluice check`: writes nothing. Throws what opening would throw. */
export async function checkDatabase(
  settings: Pick<ConnectionSettings, "type" | "connection_string" | "mysql">,
  table: string,
): Promise<string> {
  if (settings.type === "sqlite" && settings.connection_string !== "") {
    // Opening it would make it.
    return checkFile(resolve(settings.connection_string));
  }
  const database = await openDatabase(settings);
  try {
    const columns = await columnsOf(database, database.dialect, table);
    return `${database.dialect.product} answers, the table ${table} ${columns ? "is there" : "will be made"}`;
  } finally {
    await database.close();
  }
}

function checkFile(file: string): string {
  const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined;
  const path = isThere ? file : dirname(file);
  try {
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new Fatal(`${path} cannot be written (${(error as NodeJS.ErrnoException).code})`, { cause: error });
  }
  return isThere ? `${file} can be written` : `${file} will be made`;
}
