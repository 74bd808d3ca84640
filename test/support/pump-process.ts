/** `sluice start` from a loaded configuration in a file: its sinks need not stand in a lock. */
import { readFileSync } from "node:fs";
import { loggerFor } from "../../core/cli/configuration.ts";
import { pump } from "../../core/cli/pump.ts";
import { realParts } from "../../core/cli/wiring.ts";
import type { Config } from "../../core/config/config.ts";

const file = process.argv[2]!;
const load = () => JSON.parse(readFileSync(file, "utf8")) as Config;
const read = async () => ({ config: load(), problems: [], hidden: [], demo: false });
const config = load();
process.exit(await pump({ config, configuration: file, read, parts: realParts, logger: loggerFor(config) }));
