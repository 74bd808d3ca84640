// The file that a worker starts with.
import { saveCompileCache } from "../compile-cache.js";

await import("./thread.ts");
saveCompileCache();
