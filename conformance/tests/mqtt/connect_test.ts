import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, UsageError } from "@minimqtt/client";
import { toHex } from "../../src/wire/bytes.ts";
import { rejectsWith } from "../assertions.ts";
import { dialling } from "./dialling.ts";
import { type Stage, stage } from "./stage.ts";

type ConnectParameters = Parameters<Stage["client"]["connect"]>;

/** Connects while the broker expects these bytes and answers; gives what `connect` gives. */
async function connects(
  { client, broker, clock }: Stage,
  hex: string,
  connack = "20020000",
  ...args: ConnectParameters
): Promise<number> {
  const connecting = clock.run(client.connect(...args));
  await broker.accept();
  await broker.expect(hex);
  await broker.send(connack);
  return await connecting;
}

describe("connect(): bytes", () => {
  it("connect() refuses a cleanSession that is no boolean (MM-022)", async () => {
    const { client, network } = stage();
    for (const cleanSession of [1, "false", { cleanSession: 0 }]) {
      const connecting = client.connect(cleanSession as unknown as boolean);
      await rejectsWith(connecting, UsageError, "cleanSession must be true or false");
    }
    assertEquals(network.dialled.length, 0);
  });

  it("connect() keeps host, port and keepAlive it is given (MM-023)", async () => {
    const forms: ConnectParameters[] = [
      [true, "other.test", 1884, 300],
      [{ host: "other.test", port: 1884, keepAlive: 300 }],
    ];
    for (const args of forms) {
      const scene = stage();
      const packet = "101200044d5154540402012c0006676f6c64656e";
      await connects(scene, packet, "20020000", ...args);
      const { client, clock, network } = scene;
      assertEquals([client.broker, client.port, client.keepAlive], ["other.test", 1884, 300]);
      await clock.run(client.disconnect());
      await connects(scene, packet);
      assertEquals(network.dialled.map(({ host, port }) => `${host}:${port}`), [
        "other.test:1884",
        "other.test:1884",
      ]);
    }
  });

  it("connect() refuses what its constructor refuses, and dials nowhere (MM-023)", async () => {
    const { client, network } = stage();
    await rejectsWith(client.connect({ port: 65_536 }), UsageError, /^port must be/);
    await rejectsWith(client.connect(true, null, NaN), UsageError, /^port must be/);
    await rejectsWith(client.connect({ keepAlive: -1 }), UsageError, /^keepAlive must be/);
    await rejectsWith(client.connect({ host: "ws://h" }), UsageError, /^transport memory serves/);
    client.clientId = "a\0";
    await rejectsWith(client.connect(), UsageError, /^The clientId contains/);
    client.clientId = "";
    const text = "an empty client identifier needs a clean session [MQTT-3.1.3-7]";
    await rejectsWith(client.connect(false), UsageError, text);
    assertEquals(network.dialled.length, 0);
    assertFalse(client.isConnected());
  });

  it("connect() and reconnect() send the identifier that was made once (MM-013)", async () => {
    const { client, broker, clock } = stage({ clientId: null });
    const packets: string[] = [];
    for (const method of ["connect", "reconnect", "reconnect"] as const) {
      const connecting = clock.run(client[method]());
      await broker.accept();
      packets.push(await broker.packet());
      await broker.send("20020000");
      await connecting;
    }
    assertEquals(new Set(packets).size, 1);
  });

  it("connect() writes its packet in one piece (MM-025)", async () => {
    const { client, clock, network } = stage({ username: "user", password: "pass" });
    const connecting = clock.run(client.connect());
    const connection = await network.accept();
    const hex = "101e00044d51545404c2003c0006676f6c64656e000475736572000470617373";
    assertEquals(toHex((await connection.read())!), hex);
    await connection.write(Uint8Array.of(0x20, 2, 0, 0));
    await connecting;
  });
});

describe("connect(): CONNACK accepts", () => {
  it("connect() calls onConnect, then resolves (MM-026)", async () => {
    const { client, broker, clock } = stage({ userData: "mine" });
    const calls: unknown[] = [];
    client.onConnect = async (...args) => {
      await undefined;
      calls.push(args);
    };
    const connecting = client.connect().then((flags) => calls.push(flags));
    await Promise.all([clock.run(connecting), broker.welcome()]);
    assertEquals(calls, [[client, "mine", 0, 0], 0]);
  });
});

describe("connect(): callbacks that throw", () => {
  it("connect() rejects with what onConnect threw, untouched and once; the connection stays (MM-230)", async () => {
    for (
      const error of [
        new MMQTTException("mine"),
        new Error("any"),
        new RangeError("other"),
        new UsageError("invalid-argument", "text"),
        "no error at all",
      ]
    ) {
      for (const late of [false, true]) {
        const { client, broker, clock, open, addresses } = dialling({ connectRetries: 3 });
        let calls = 0;
        client.onConnect = () => {
          calls++;
          if (late) return Promise.reject(error);
          throw error;
        };
        const [caught] = await Promise.all([
          clock.run(client.connect()).then(() => assert(false, "it resolved"), (error) => error),
          broker.welcome(),
        ]);
        assertStrictEquals(caught, error);
        assertEquals([calls, addresses.length, open()], [1, 1, 1]);
        assert(client.isConnected());
        await clock.run(client.publish("t", "x"));
        await broker.expect("300400017478");
      }
    }
  });
});
