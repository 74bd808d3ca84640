/** `sluice start` from a loaded configuration in a file: its sinks need not stand in a lock. */
import { readFileSync } from "node:fs";
import { loggerFor } from "../../core/cli/configuration.ts";
import { pump } from "../../core/cli/pump.ts";
import { realParts } from "../../core/cli/wiring.ts";
import type { Config } from "../../core/config/config.ts";

const config = JSON.parse(readFileSync(process.argv[2]!, "utf8")) as Config;
process.exit(await pump({ config, configuration: process.argv[2]!, parts: realParts, logger: loggerFor(config) }));
