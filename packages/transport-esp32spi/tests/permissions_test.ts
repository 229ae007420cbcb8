import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EspEmulator } from "../src/emulator/mod.ts";
import { serveBus } from "../src/remote/mod.ts";
import { notDeno, runOnDeno } from "./on_deno.ts";

const reason = notDeno === undefined ? "" : ` (skipped: ${notDeno})`;
const test = notDeno === undefined ? it : it.skip;

describe("permissions on Deno", () => {
  test(`the driver needs none, nor does an emulated module without sockets${reason}`, async () => {
    assertEquals(await runOnDeno([], "in_process.ts"), "home");
  });

  test(`a bus over TCP needs --allow-net=HOST:PORT and nothing else${reason}`, async () => {
    const esp = new EspEmulator();
    const server = await serveBus(esp, { port: 0, host: "127.0.0.1" });
    const address = server.address.replace("tcp:", "");
    assertEquals(await runOnDeno([`--allow-net=${address}`], "over_socket.ts", server.address), "3.3.0");
    assertStringIncludes(await runOnDeno([], "over_socket.ts", server.address), "not-permitted not allowed");
    await server.close();
    esp.close();
  });
});
