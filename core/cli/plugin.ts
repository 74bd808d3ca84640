import type { Command } from "commander";

/** Options of every `sluice plugin` command. */
export interface PluginOptions {
  conf?: string;
  plugins?: string;
  accept?: boolean;
  frozen?: boolean;
  json?: boolean;
}

/** `sluice plugin ...`; each command's code is loaded when it is called. */
export function addPluginCommands(program: Command, done: (code: number) => void): void {
  const plugin = program
    .command("plugin")
    .description("third-party sinks: install, look at, verify, write and test them");
  const command = (usage: string, description: string): Command =>
    plugin.command(usage).description(description).allowExcessArguments(false);
  const inFolder = (usage: string, description: string): Command =>
    command(usage, description)
      .option("-c, --conf <file>", "the configuration beside which the plugins lie (default: pump.conf)")
      .option(
        "--plugins <folder>",
        "their folder (default: SLUICE_PLUGINS, else sluice-plugins beside the configuration)",
      );
  const withConsent = (usage: string, description: string): Command =>
    inFolder(usage, description).option("--accept", "grant what it asks for without a question");
  const install = () => import("./plugin-install.ts");
  const look = () => import("./plugin-look.ts");

  withConsent("add <what>", "install a package, a tarball or a folder, and lock it").action(async (what, options) =>
    done(await (await install()).add(what, options)),
  );
  withConsent("update [name]", "fetch what was asked for anew; without a name, all").action(async (name, options) =>
    done(await (await install()).update(name, options)),
  );
  withConsent("install", "write every bundle that the lock names, on a fresh machine or in an image")
    .option("--frozen", "refuse what comes out otherwise than locked")
    .action(async (options) => done(await (await install()).installAll(options)));
  withConsent("link <folder>", "run a plugin from the folder in which it is written").action(async (folder, options) =>
    done(await (await install()).link(folder, options)),
  );
  inFolder("remove <name>", "take a plugin out of the lock").action(async (name, options) =>
    done((await look()).remove(name, options)),
  );
  inFolder("list", "the sinks that there are, and where they come from")
    .option("--json", "as JSON")
    .action(async (options) => done((await look()).list(options)));
  inFolder("info <type>", "a sink type: its plugin, its rights, its settings")
    .option("--json", "as JSON")
    .action(async (type, options) => done((await look()).info(type, options)));
  inFolder("verify", "compare every file with the lock").action(async (options) =>
    done((await look()).verify(options)),
  );
  command("create <name>", "begin a plugin: a sink that works, its tests, a README").action(async (name) =>
    done((await import("./plugin-create.ts")).create(name)),
  );
  command("test [folder]", "put a plugin through everything that a sink must stand").action(async (folder) =>
    done(await (await import("./plugin-test.ts")).test(folder)),
  );
}
