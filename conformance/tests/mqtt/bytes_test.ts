import { Buffer } from "node:buffer";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { connect, field } from "../../src/wire/wire.ts";
import { online, type Stage, stage } from "./stage.ts";

/** The CONNECT that a client sends. */
async function connectOf({ client, broker, clock }: Stage): Promise<string> {
  const connecting = clock.run(client.connect());
  await broker.accept();
  const packet = await broker.packet();
  await broker.send("20020000");
  await connecting;
  return packet;
}

/** Bytes of the kinds that are copied in different ways. */
const KINDS = [() => Uint8Array.of(0, 255), () => Buffer.from([0, 255])];

describe("bytes that the caller uses again", () => {
  it("publish() has copied its bytes when it returns, at every QoS (MM-076)", async () => {
    for (const make of KINDS) {
      for (const qos of [0, 1, 2] as const) {
        for (const debug of [false, true]) {
          const { client, broker } = await online();
          if (debug) client.onPublish = () => {};
          const bytes = make();
          const publishing = client.publish("t", bytes, false, qos).catch(() => {});
          bytes.fill(9);
          await broker.expect(["300500017400ff", "320700017400 0100ff", "340700017400 0100ff"][qos]!);
          await client.disconnect();
          await publishing;
        }
      }
    }
  });

  it("willSet() has copied its bytes when it returns (MM-076)", async () => {
    for (const make of KINDS) {
      const scene = stage();
      const bytes = make();
      scene.client.willSet("will/t", bytes);
      bytes.fill(7);
      assertEquals(await connectOf(scene), connect(0x06, `${field("will/t")}000200ff`));
    }
  });

  it("new MQTT() and usernamePwSet() have copied a password when they return (MM-060, MM-076)", async () => {
    for (const make of KINDS) {
      const [given, set] = [make(), make()];
      const scenes = [stage({ username: "user", password: given }), stage()];
      scenes[1]!.client.usernamePwSet("user", set);
      given.fill(7);
      set.fill(7);
      for (const scene of scenes) {
        assertEquals(await connectOf(scene), connect(0xc2, `${field("user")}000200ff`));
      }
    }
  });
});
