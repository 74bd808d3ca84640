import type { Environment } from "../variables.ts";
import { type Reference, readPointer } from "./reference.ts";
import { SecretError, type Store } from "./store.ts";
import type { StoreSettings } from "./stores.ts";

/** What became of a reference. */
export type Answer = { value: string } | { error: SecretError };

/**
 * The secrets that a configuration refers to. Reading it asks for them (`begin`, `read`), `fetch` brings them, and the next
 * reading has them: so only what counts is ever fetched, and settings of one store may come from another.
 */
export class Secrets {
  readonly #env: Environment;
  /** As of the last reading. */
  #stores: readonly StoreSettings[] = [];
  /** What the last reading asked for. */
  #asked = new Map<string, Reference>();
  #answers = new Map<string, Answer>();
  /** Of required stores, which nothing needs to refer to. */
  #faults = new Map<string, SecretError | undefined>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** A configuration is read from its beginning. */
  begin(): void {
    this.#asked.clear();
  }

  /** Undefined: not known yet, and asked for now. */
  read(reference: Reference): Answer | undefined {
    this.#asked.set(reference.text, reference);
    return this.#answers.get(reference.text);
  }

  /** Why a required store cannot be used, once that was tried. */
  faultOf(store: string): SecretError | undefined {
    return this.#faults.get(store);
  }

  /** Brings what was asked for and tries the required stores; false: there was nothing to do. Never throws. */
  async fetch(stores: readonly StoreSettings[]): Promise<boolean> {
    this.#stores = stores;
    const untried = stores.filter((one) => one.required && !one.waits && !this.#faults.has(one.name));
    const wanted = [...this.#asked.values()].filter(({ text }) => !this.#answers.has(text));
    if (wanted.length + untried.length === 0) return false;
    const byName = new Map(stores.map((one) => [one.name, one]));
    const ready = wanted.filter(({ store }) => byName.get(store)?.waits !== true);
    // None is ready: each waits for another.
    const stuck = ready.length + untried.length === 0;
    const once = new Map<string, Promise<string>>();
    await Promise.all([
      ...untried.map(async (one) => void this.#faults.set(one.name, await this.#fault(one))),
      ...(stuck ? wanted : ready).map(async (reference) => {
        const answer = stuck ? { error: CIRCLE } : await this.#answer(reference, byName, once);
        this.#answers.set(reference.text, answer);
      }),
    ]);
    return true;
  }

  /**
   * Reads every secret of the last reading anew; gives the references whose values have changed. One that cannot be read now
   * keeps its value and is told to `failed`. What the new values mean shows the next reading.
   */
  async refresh(failed: (reference: string, error: SecretError) => void = () => {}): Promise<string[]> {
    this.#faults.clear();
    const byName = new Map(this.#stores.map((one) => [one.name, one]));
    const once = new Map<string, Promise<string>>();
    const changed: string[] = [];
    await Promise.all(
      [...this.#asked].map(async ([text, reference]) => {
        const answer = await this.#answer(reference, byName, once);
        const present = this.#answers.get(text);
        if ("error" in answer) {
          failed(text, answer.error);
          if (present && "value" in present) return;
        } else if (!present || !("value" in present) || present.value !== answer.value) changed.push(text);
        this.#answers.set(text, answer);
      }),
    );
    return changed;
  }

  /** The files that the last reading refers to: a folder of a store and a path below it. */
  files(): { folder: string; path: string }[] {
    const folders = new Map<string, string>();
    for (const { name, store } of this.#stores) if (store?.type === "file") folders.set(name, store.config.base_path);
    return [...this.#asked.values()].flatMap(({ store, path }) => {
      const folder = folders.get(store);
      return folder === undefined ? [] : [{ folder, path }];
    });
  }

  /** Whether each store can be used, by name. */
  async check(): Promise<Map<string, SecretError | undefined>> {
    return new Map(await Promise.all(this.#stores.map(async (one) => [one.name, await this.#fault(one)] as const)));
  }

  async #answer(
    { store: name, path, pointer, text }: Reference,
    stores: ReadonlyMap<string, StoreSettings>,
    once: Map<string, Promise<string>>,
  ): Promise<Answer> {
    const settings = stores.get(name);
    if (settings === undefined) {
      const names = [...stores.keys()].join(", ") || "none";
      const mend = "Define it under kv.stores, or correct the reference.";
      return {
        error: new SecretError("SLUICE_SECRET_STORE", `There is no secret store "${name}"; there are: ${names}.`, mend),
      };
    }
    const key = JSON.stringify([name, path]);
    let reading = once.get(key);
    if (!reading) once.set(key, (reading = this.#get(settings, path)));
    try {
      const secret = await reading;
      const value = pointer === undefined ? secret : readPointer(secret, pointer);
      if (value !== undefined) return { value };
      const mend = "Correct what stands behind the #.";
      return {
        error: new SecretError("SLUICE_SECRET_MISSING", `The secret is not JSON that holds #${pointer}.`, mend),
      };
    } catch (error) {
      if (error instanceof SecretError) return { error };
      const mend = "Correct the reference and the store's settings.";
      return { error: new SecretError("SLUICE_SECRET_UNAVAILABLE", `${text} cannot be read.`, mend, error) };
    }
  }

  async #get(settings: StoreSettings, path: string): Promise<string> {
    const { store, local } = await this.#open(settings);
    // A remote store is asked for the secret itself.
    if (local) await store.check();
    return store.get(path);
  }

  async #fault(settings: StoreSettings): Promise<SecretError | undefined> {
    try {
      const { store } = await this.#open(settings);
      await store.check();
      return undefined;
    } catch (error) {
      if (error instanceof SecretError) return error;
      return new SecretError("SLUICE_SECRET_STORE", "It cannot be opened.", "Correct its settings.", error);
    }
  }

  async #open({ store, name }: StoreSettings): Promise<{ store: Store; local: boolean }> {
    if (store === null) {
      throw new SecretError(
        "SLUICE_SECRET_STORE",
        `The settings of the secret store "${name}" cannot be used.`,
        "See its own problem.",
      );
    }
    // Most configurations have none, and what speaks to them is much to load.
    const { openStore } = await import("./open.ts");
    return { store: openStore(store, this.#env), local: !store.type.startsWith("hashicorp") };
  }
}

const CIRCLE = new SecretError(
  "SLUICE_SECRET_STORE",
  "The store's settings refer to a secret that can only be read with them.",
  "Take that one from a local store (env, file).",
);
