import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException } from "@minimqtt/client";
import { online, stage } from "./stage.ts";

describe("smoke", () => {
  it("connects", async () => {
    const { client, broker, clock } = stage();
    const connecting = clock.run(client.connect());
    await broker.accept();
    await broker.expect("101200044d5154540402003c0006676f6c64656e");
    await broker.send("20020000");
    assertEquals(await connecting, 0);
    const [types] = await Promise.all([clock.run(client.loop(1)), broker.send("300a000472782f307a65726f")]);
    assertEquals(types, [48]);
    assertEquals(clock.now(), 1000);
  });
  it("keeps alive", async () => {
    const { client, broker, clock } = await online({ keepAlive: 4 });
    const looping = clock.run(client.loop(10));
    await broker.expect("c000"); await broker.send("d000");
    await broker.expect("c000"); await broker.send("d000");
    assertEquals(await looping, [208, 208]);
  });
  it("times out", async () => {
    const { client, clock } = await online({ recvTimeout: 2 });
    await assertRejects(() => clock.run(client.publish("t", "x", false, 1)), MMQTTException, "No data received from broker for 2 seconds.");
    assertEquals(clock.now(), 2000);
    assertEquals(clock.armed, 0);
  });
});
