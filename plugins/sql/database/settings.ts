import { type Static, Type } from "@sluice/sdk";

/** The connection, and what all SQL sinks have in common. To be spread into a sink's schema. */
export const connectionSettings = {
  type: Type.Union([Type.Literal("postgres"), Type.Literal("mysql"), Type.Literal("sqlite")], {
    description: "Which database: PostgreSQL, MySQL or MariaDB, SQLite.",
  }),
  connection_string: Type.String({
    default: "",
    secret: true,
    path: "write",
    pathWhen: { type: "sqlite" },
    pathWords: ["sslrootcert", "sslcert", "sslkey"],
    description:
      "PostgreSQL: `host=… user=… dbname=…` or `postgres://…`; MySQL: `user:password@tcp(host:3306)/database` or `mysql://…`; SQLite: a file.",
  }),
  postgres: Type.Object(
    {
      prefer_simple_protocol: Type.Boolean({
        default: false,
        description: "Accepted; nothing here needs prepared statements.",
      }),
    },
    { default: {}, description: "Of PostgreSQL alone." },
  ),
  mysql: Type.Object(
    {
      default_string_size: Type.Integer({
        default: 0,
        minimum: 0,
        description: "Above 0: texts of new tables are varchar of so many characters instead of longtext.",
      }),
      disable_datetime_precision: Type.Boolean({
        default: false,
        description: "Times of new tables without fractions of a second.",
      }),
      dont_support_rename_index: Type.Boolean({ default: false, description: "Accepted; nothing is renamed." }),
      dont_support_rename_column: Type.Boolean({ default: false, description: "Accepted; nothing is renamed." }),
      skip_initialize_with_version: Type.Boolean({ default: false, description: "Accepted; no version is asked for." }),
    },
    { default: {}, description: "Of MySQL and MariaDB alone." },
  ),
  table_sharding: Type.Boolean({ default: false, description: "A table for each day, `<table>_YYYYMMDD`." }),
  log_level: Type.String({
    default: "",
    description: "Accepted; what fails is always logged, statements and their values never.",
  }),
  batch_size: Type.Integer({
    default: 1000,
    minimum: 0,
    description: "Most rows of one statement; 0: 1000.",
  }),
  migrate_sharded_tables: Type.Boolean({
    default: false,
    description: "At the start, adds to all tables of days the columns that they lack.",
  }),
} as const;

const Connection = Type.Object(connectionSettings);
export type ConnectionSettings = Static<typeof Connection>;
