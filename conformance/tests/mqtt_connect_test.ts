import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, UsageError } from "@minimqtt/client";
import { toHex } from "../src/bytes.ts";
import { rejectsWith } from "./assertions.ts";
import { dialling } from "./dialling.ts";
import { online, type Stage, stage } from "./stage.ts";

type ConnectParameters = Parameters<Stage["client"]["connect"]>;

const CONNECT = "101200044d5154540402003c0006676f6c64656e";

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
  it("connect() sends clean session, keep alive 60 and the identifier, and gives 0 (MM-020)", async () => {
    assertEquals(await connects(stage(), CONNECT), 0);
  });

  it("connect() sets each flag for what is there, and no other (MM-021)", async () => {
    for (let set = 0; set < 32; set++) {
      const [will, retain, username, password, clean] = [1, 2, 4, 8, 16].map((bit) => (set & bit) !== 0);
      if (password && !username) continue;
      const scene = stage({ ...(username && { username: "u" }), ...(password && { password: "p" }) });
      for (const qos of [0, 1, 2] as const) {
        if (will) scene.client.willSet("w", "x", retain, qos);
        const flags = (clean ? 0x02 : 0) | (will ? 0x04 | qos << 3 | (retain ? 0x20 : 0) : 0) |
          (password ? 0x40 : 0) | (username ? 0x80 : 0);
        const connecting = scene.clock.run(scene.client.connect(clean));
        await scene.broker.accept();
        const packet = await scene.broker.packet();
        assertEquals(packet.slice(18, 20), flags.toString(16).padStart(2, "0"));
        await scene.broker.send("20020000");
        await connecting;
        await scene.clock.run(scene.client.disconnect());
      }
    }
  });

  it("connect() asks for the session to be kept with cleanSession false, by position and by name (MM-022)", async () => {
    const packet = "101200044d5154540400003c0006676f6c64656e";
    assertEquals(await connects(stage(), packet, "20020000", false), 0);
    assertEquals(await connects(stage(), packet, "20020000", { cleanSession: false }), 0);
  });

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

  it("connect() honours keepAlive 0; null and absent leave everything as it is (MM-023)", async () => {
    const scene = stage({ port: 1884, keepAlive: 5 });
    const { client, clock } = scene;
    const five = CONNECT.replace("003c", "0005"), zero = CONNECT.replace("003c", "0000");
    await connects(scene, five, "20020000", true, null, null, null, null);
    await clock.run(client.disconnect());
    await connects(scene, five, "20020000", { host: null, port: 0, keepAlive: null });
    await clock.run(client.disconnect());
    await connects(scene, zero, "20020000", { keepAlive: 0 });
    assertEquals([client.broker, client.port, client.keepAlive], ["broker.test", 1884, 0]);
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

  it('connect() sends an empty client identifier for clientId "" (MM-011)', async () => {
    await connects(stage({ clientId: "" }), "100c00044d5154540402003c0000");
  });

  it("connect() sends a client identifier as it is, whatever it holds (MM-012)", async () => {
    await connects(stage({ clientId: "dev-é" }), "101200044d5154540402003c00066465762dc3a9");
    const long = "10840100044d5154540402003c0078" + "63".repeat(120);
    await connects(stage({ clientId: "c".repeat(120) }), long);
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

  it("connect() sets the flags anew each time (MM-024)", async () => {
    const scene = stage();
    scene.client.usernamePwSet("user", "pass");
    await connects(scene, "101e00044d51545404c2003c0006676f6c64656e000475736572000470617373");
    await scene.clock.run(scene.client.disconnect());
    scene.client.usernamePwSet();
    await connects(scene, CONNECT);
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

  it("connect() is online when onConnect runs: subscribe() and publish() work there (MM-027)", async () => {
    const { client, broker, clock } = stage();
    const seen: unknown[] = [];
    client.onConnect = async () => {
      seen.push(client.isConnected());
      seen.push(await client.subscribe("a", 1));
      await client.publish("a", "x", false, 1);
      seen.push("published");
    };
    const connecting = clock.run(client.connect());
    await broker.welcome();
    await broker.expect("8206000100016101");
    await broker.send("9003000101");
    await broker.expect("320600016100 0278");
    await broker.send("40020002");
    assertEquals(await connecting, 0);
    assertEquals(seen, [true, [1], "published"]);
  });

  it("connect() gives 1, and onConnect gets it, when the broker resumed the session (MM-031)", async () => {
    const scene = stage();
    const flags: number[] = [];
    scene.client.onConnect = (_client, _userData, flag) => flags.push(flag);
    const packet = "101200044d5154540400003c0006676f6c64656e";
    assertEquals(await connects(scene, packet, "20020100", false), 1);
    assertEquals(flags, [1]);
  });

  it("connect() lets nothing be sent before CONNACK (MM-048)", async () => {
    const { client, broker, clock } = stage();
    const connecting = clock.run(client.connect());
    await broker.accept();
    await broker.expect(CONNECT);
    for (
      const call of [
        client.publish("t", "x"),
        client.publish("t", "x", false, 1),
        client.subscribe("t"),
        client.unsubscribe("t"),
        client.ping(),
        client.loop(1),
        client.disconnect(),
      ]
    ) await rejectsWith(call, MMQTTStateError, "MiniMQTT is not connected");
    for (const call of [client.connect(), client.reconnect()]) {
      await rejectsWith(call, MMQTTStateError, "MiniMQTT is already connecting");
    }
    assertFalse(client.isConnected());
    await broker.send("20020000");
    await connecting;
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("connect() twice at once: the second is refused, the first goes on (MM-044, MM-233)", async () => {
    const { client, broker, clock, network } = stage();
    const first = clock.run(client.connect());
    const second = rejectsWith(client.connect(), MMQTTStateError, "MiniMQTT is already connecting");
    await broker.welcome();
    assertEquals(await first, 0);
    await second;
    assertEquals(network.dialled.length, 1);
  });

  it("connect() while connected is refused, and the connection stays untouched (MM-044, MM-045)", async () => {
    for (const connectRetries of [1, 5]) {
      const { client, broker, clock, network } = await online({ connectRetries });
      client.onDisconnect = () => assert(false, "onDisconnect ran");
      const text = "MiniMQTT is already connected";
      await rejectsWith(client.connect(), MMQTTStateError, text);
      await rejectsWith(client.connect({ host: "other.test", keepAlive: 5 }), MMQTTStateError, text);
      assertEquals([client.broker, client.keepAlive, network.dialled.length], ["broker.test", 60, 1]);
      assert(client.isConnected());
      await clock.run(client.publish("t", "x"));
      await broker.expect("300400017478");
    }
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

  it("connect() rejects once with the refusal of a subscription made in onConnect (MM-230)", async () => {
    const { client, broker, clock, addresses } = dialling({ connectRetries: 3 });
    client.onConnect = () => client.subscribe("a");
    const text = "SUBACK Failure for topic a: 0x80";
    const connecting = rejectsWith(clock.run(client.connect()), MMQTTException, text);
    await broker.welcome();
    await broker.expect("8206000100016100");
    await broker.send("9003000180");
    assertEquals((await connecting).code, 0x80);
    assertEquals(addresses.length, 1);
    assert(client.isConnected());
  });
});
