import { type Command, InvalidArgumentError, Option } from "commander";

/** The configuration that a command is about. */
export function conf(): Option {
  return once(new Option("-c, --conf <file>", "configuration file (default: pump.conf, if it is there)"));
}

/** A command about a pump that runs, found by its configuration or its socket. */
export function aboutPump(group: Command, usage: string, description: string): Command {
  return group
    .command(usage)
    .description(description)
    .allowExcessArguments(false)
    .addOption(conf())
    .option("--socket <path>", "of this control socket, whatever started the pump")
    .option("--json", "print JSON");
}

/** A second -c is more likely a mistake than a wish; Tyk Pump refuses it too. */
export function once(option: Option): Option {
  return option.argParser((value: string, previous: string | undefined) => {
    if (previous !== undefined) throw new InvalidArgumentError("It can be given only once.");
    return value;
  });
}

/** Whole numbers; what stands behind the point is cut, as Tyk Pump does. */
export function cut(text: string): number {
  const value = Math.trunc(Number(text));
  if (text.trim() === "" || !Number.isSafeInteger(value)) throw new InvalidArgumentError("It must be a number.");
  return value;
}

export function port(text: string): number {
  const value = positive(text);
  if (value > 65_535) throw new InvalidArgumentError("It must be 65535 or less.");
  return value;
}

export function positive(text: string): number {
  const value = cut(text);
  if (value < 1) throw new InvalidArgumentError("It must be 1 or more.");
  return value;
}
