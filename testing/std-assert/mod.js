// @ts-self-types="./mod.d.ts"
// The code of @std/assert as the npm registry has it, so that it works without JSR too.
export * from "deno-std/assert/mod.js";
