// @ts-self-types="./bdd.d.ts"
// The names of @std/testing/bdd on top of node:test: the original calls Deno.test and runs on Deno alone.
export { after as afterAll, afterEach, before as beforeAll, beforeEach, describe, it, test } from "node:test";
