/** A database of its own for each case, and what is in it afterwards, written as the recordings are. */
import { startMariadb } from "../support/mariadb.ts";
import { startPostgres } from "../support/postgres.ts";

export interface Tables {
  [table: string]: {
    /** Each row as JSON, sorted. */
    rows: string[];
    /** Columns and indexes, a line each. */
    shape: string[];
  };
}

export interface SqlServer {
  readonly type: "postgres" | "mysql";
  /** Makes an empty database and gives its connection string. */
  database(): Promise<string>;
  /** What is in the database that was made last. */
  tables(): Promise<Tables>;
  /** What pg_dump, SHOW CREATE TABLE and pg_indexes say of a table. */
  shape(table: string, ddl: string, indexes: string): string[];
  stop(): Promise<void>;
}

export async function postgresServer(): Promise<SqlServer> {
  const server = await startPostgres();
  let made = 0;
  const name = () => `golden${made}`;
  const dsn = () => server.dsn.replace("dbname=postgres", `dbname=${name()}`);
  return {
    type: "postgres",
    async database() {
      made++;
      await server.query(`CREATE DATABASE ${name()}`);
      return dsn();
    },
    async tables() {
      const query = <T>(sql: string) => server.query(sql, [], name()) as Promise<T[]>;
      const found = await query<{ name: string }>(
        "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1",
      );
      const tables: Tables = {};
      for (const { name: table } of found) {
        const rows = await query<{ row: string }>(`SELECT row_to_json(t)::text AS row FROM "${table}" t`);
        const columns = await query<{ line: string }>(
          `SELECT quote_ident(attname) || ' ' || format_type(atttypid, atttypmod) AS line FROM pg_attribute
           WHERE attrelid = '"${table}"'::regclass AND attnum > 0 ORDER BY attnum`,
        );
        const indexes = await query<{ line: string }>(
          `SELECT indexdef AS line FROM pg_indexes WHERE tablename = '${table}' ORDER BY indexname`,
        );
        tables[table] = {
          rows: rows.map(({ row }) => row).sort(),
          shape: [...columns, ...indexes].map(({ line }) => line),
        };
      }
      return tables;
    },
    shape(table, ddl, indexes) {
      const body = new RegExp(`CREATE TABLE public\\.${table} \\(\\n([\\s\\S]*?)\\n\\);`).exec(ddl)?.[1] ?? "";
      const columns = body.split("\n").map((line) => line.trim().replace(/,$/, ""));
      const own = indexes.split("\n").filter((line) => line.startsWith(`${table}|`));
      return [...columns, ...own.map((line) => line.slice(table.length + 1))];
    },
    stop: () => server.stop(),
  };
}

export async function mariadbServer(): Promise<SqlServer> {
  const server = await startMariadb();
  let made = 0;
  const name = () => `golden${made}`;
  return {
    type: "mysql",
    async database() {
      made++;
      await server.query(`CREATE DATABASE ${name()} CHARACTER SET utf8mb4`);
      return server.dsn.replace("/sluice", `/${name()}`);
    },
    async tables() {
      const found = await server.query(
        `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = '${name()}' ORDER BY 1`,
      );
      const tables: Tables = {};
      for (const { name: table } of found as { name: string }[]) {
        const columns = (await server.query(
          `SELECT column_name AS name FROM information_schema.columns WHERE table_schema = '${name()}' AND table_name = '${table}' ORDER BY ordinal_position`,
        )) as { name: string }[];
        const pairs = columns.map((column) => `'${column.name}', \`${column.name}\``).join(", ");
        const rows = await server.query(
          `SELECT CAST(json_object(${pairs}) AS CHAR) AS row FROM ${name()}.\`${table}\``,
        );
        const [shown] = await server.query(`SHOW CREATE TABLE ${name()}.\`${table}\``);
        tables[table] = {
          rows: rows.map(({ row }) => String(row)).sort(),
          shape: lines(String(shown!["Create Table"])),
        };
      }
      return tables;
    },
    shape(table, ddl) {
      return lines(new RegExp(`CREATE TABLE \`${table}\` \\([\\s\\S]*?\\n\\) ENGINE`).exec(ddl)?.[0] ?? "");
    },
    stop: () => server.stop(),
  };
}

/** Of a CREATE TABLE statement: what stands in its parentheses. */
function lines(statement: string): string[] {
  return statement
    .split("\n")
    .slice(1, -1)
    .map((line) => line.trim().replace(/,$/, ""));
}
