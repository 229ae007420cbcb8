import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, MQTT, type Transport } from "@minimqtt/client";
import { memory, type MemoryConnection } from "@minimqtt/client/memory";
import { ScriptedBroker } from "../../src/peers/scripted_broker.ts";
import { FakeClock, settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, type Stage, stage } from "./stage.ts";
import { field, packet, publish } from "../../src/wire/wire.ts";

const NOT_CONNECTED = "MiniMQTT is not connected";
const ENDED = "MiniMQTT was disconnected before the answer came";

/** Breaks the connection as a reset does. */
function reset({ broker }: Stage): void {
  (broker.connection as MemoryConnection).reset();
}

describe("disconnect()", () => {
  it("disconnect() is refused when not connected, also the second time and while another runs (MM-181)", async () => {
    const { client, broker, clock } = stage();
    const seen = recorded(client);
    await rejectsWith(client.disconnect(), MMQTTStateError, NOT_CONNECTED);
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    const first = client.disconnect();
    await rejectsWith(client.disconnect(), MMQTTStateError, NOT_CONNECTED);
    await clock.run(first);
    await rejectsWith(client.disconnect(), MMQTTStateError, NOT_CONNECTED);
    assertEquals(seen, ["connect undefined 0 0", "disconnect undefined 0"]);
  });

  it("disconnect() warns, closes and calls back when the connection is dead already (MM-182)", async () => {
    const ends = [(scene: Stage) => scene.broker.close(), reset];
    for (const [end, noticed] of ends.flatMap((end) => [[end, true], [end, false]] as const)) {
      const scene = await online();
      const { client, clock } = scene;
      const seen = recorded(client);
      client.enableLogger({ ...console, debug() {}, info() {}, warn: (text: string) => seen.push(text) });
      // The end is noticed before, or only by writing.
      if (noticed) await clock.run(client.loop());
      await end(scene);
      await settled();
      assertEquals(client.isConnected(), !noticed);
      await clock.run(client.disconnect());
      assertEquals(seen, ["Unable to send DISCONNECT", "disconnect undefined 0"]);
      await rejectsWith(client.loop(), MMQTTStateError, NOT_CONNECTED);
    }
  });

  it("disconnect() calls back once when the connection dies under it (MM-182)", async () => {
    const scene = await online({}, { room: 16 });
    const { client, clock } = scene;
    const seen = recorded(client);
    const looping = client.loop(5);
    client.publish("t", "x".repeat(100));
    await settled();
    const disconnecting = client.disconnect();
    await settled();
    reset(scene);
    await clock.run(disconnecting);
    assertEquals(await clock.run(looping), null);
    assertEquals(seen, ["publish undefined t 0", "disconnect undefined 0"]);
  });

  it("disconnect() at the very moment of a loss, before any call has met it, calls back once (MM-182)", async () => {
    for (let turns = 0; turns < 12; turns++) {
      const scene = await online();
      const { client, clock } = scene;
      const codes: number[] = [];
      client.onDisconnect = (_client, _userData, rc) => codes.push(rc);
      const looping = client.loop(5).catch(() => {});
      await settled();
      reset(scene);
      for (let turn = 0; turn < turns; turn++) await undefined;
      await clock.run(client.disconnect().catch(() => {}));
      await clock.run(looping);
      assertEquals([codes.length, clock.armed, client.isConnected()], [1, 0, false]);
    }
  });

  it("connect() fails as ever while disconnect() waits for the connection to be closed (MM-182)", async () => {
    const network = memory();
    let release!: () => void;
    const closing = new Promise<void>((resolve) => release = resolve);
    const transport: Transport = {
      ...network.transport,
      async connect(address, options) {
        const connection = await network.transport.connect(address, options);
        return {
          read: () => connection.read(),
          write: (bytes) => connection.write(bytes),
          close: () => connection.close().then(() => closing),
        };
      },
    };
    const clock = new FakeClock();
    const broker = new ScriptedBroker(() => network.accept());
    const client = new MQTT({ broker: "broker.test", transport, clock, connectRetries: 1 });
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    const disconnecting = client.disconnect();
    await settled();
    const connecting = assertRejects(() => client.connect(), MMQTTException, "Connect failure");
    await broker.accept();
    await broker.close();
    await settled();
    release();
    await clock.run(Promise.all([connecting, disconnecting]));
  });

  it("disconnect() flushes what was published before, and nothing leaves behind it (MM-183)", async () => {
    const { client, broker, clock } = await online({}, { room: 16 });
    const message = "x".repeat(70_000);
    for (let i = 0; i < 3; i++) client.publish("t", message);
    const disconnecting = clock.run(client.disconnect());
    await rejectsWith(client.publish("t", "late"), MMQTTStateError, NOT_CONNECTED);
    await broker.expect(publish("t", message).repeat(3) + "e000");
    await broker.expectEnd();
    await disconnecting;
  });

  it("disconnect() does not wait longer than recvTimeout for a broker that reads nothing (MM-183)", async () => {
    const { client, clock } = await online({ recvTimeout: 3 }, { room: 16 });
    const seen = recorded(client);
    client.enableLogger({ ...console, debug() {}, info() {}, warn: (text: string) => seen.push(text) });
    client.publish("t", "x".repeat(70_000));
    await clock.run(client.disconnect());
    assertEquals([clock.now(), clock.armed, client.isConnected()], [3000, 0, false]);
    assertEquals(seen.slice(-2), ["Unable to send DISCONNECT", "disconnect undefined 0"]);
  });

  it("disconnect() rejects calls in progress; loop() gives what it has (MM-183) (MM-231)", async () => {
    const { client, broker, clock } = await online();
    const looping = client.loop(30);
    const waiting = [
      client.publish("t", "x", false, 1),
      client.publish("t", "x", false, 2),
      client.subscribe("s"),
      client.ping(),
    ].map((call) => rejectsWith(call, MMQTTException, ENDED));
    await broker.send(publish("a", "x"));
    await settled();
    await clock.run(client.disconnect());
    await Promise.all(waiting);
    assertEquals(await looping, [48]);
    assertEquals([clock.now(), clock.armed], [0, 0]);
  });
});

describe("isConnected()", () => {
  it("isConnected() is a boolean at every moment, and never throws (MM-185) (MM-188)", async () => {
    const { client, broker, clock } = stage();
    const states: boolean[] = [client.isConnected()];
    const note = () => states.push(client.isConnected());
    client.onConnect = client.onDisconnect = note;
    const connecting = clock.run(client.connect());
    await broker.accept();
    note();
    await broker.packet();
    await broker.send("20020000");
    await connecting;
    const looping = client.loop(9).catch(note);
    await broker.close();
    await clock.run(looping);
    assertEquals(states, [false, false, true, false, false]);
  });
});

describe("disconnect() inside a callback", () => {
  it("disconnect() inside a callback that is not awaited works the same (MM-231)", async () => {
    const { client, broker, clock } = await online();
    let disconnecting: Promise<void> | undefined;
    client.onMessage = (client) => {
      disconnecting = client.disconnect();
    };
    await broker.send(publish("a", "1", { qos: 1, id: 7 }));
    assertEquals(await clock.run(client.loop(5)), [48]);
    await disconnecting;
    await broker.expect("40020007" + "e000");
    await broker.expectEnd();
  });

  it("disconnect() inside onConnect and onSubscribe works", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    client.onConnect = (client) => client.disconnect();
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    await broker.expect("e000");
    client.onConnect = null;
    client.onSubscribe = (client) => client.disconnect();
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    assertEquals(
      await exchange(scene, client.subscribe("s"), [packet(0x82, "0001" + field("s") + "00"), "9003000100"]),
      [0],
    );
    await broker.expect("e000");
  });
});

describe("deinit()", () => {
  it("deinit() never throws for a state, and disconnects if connected (MM-184)", async () => {
    const { client, broker, clock } = stage();
    const seen = recorded(client);
    await client.deinit();
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    await clock.run(Promise.all([client.deinit(), client.deinit()]));
    await client.deinit();
    await broker.expect("e000");
    await broker.expectEnd();
    assertEquals(seen, ["connect undefined 0 0", "disconnect undefined 0"]);
  });

  it("deinit() closes a connection whose loss nobody has met yet, once (MM-184) (MM-208)", async () => {
    const scene = await online();
    const { client, clock } = scene;
    const seen = recorded(client);
    reset(scene);
    await settled();
    await clock.run(client.deinit());
    await client.deinit();
    assertEquals(seen, ["disconnect undefined 0"]);
  });

  it("await using disconnects at the end, and keeps the block's error (MM-184) (MM-228)", async () => {
    const mine = new Error("mine");
    const scene = stage();
    const block = async () => {
      await using client = scene.client;
      await Promise.all([scene.clock.run(client.connect()), scene.broker.welcome()]);
      throw mine;
    };
    assertStrictEquals(await assertRejects(block), mine);
    await scene.broker.expect("e000");
    await scene.broker.expectEnd();
    const never = async () => {
      await using client = stage().client;
      assertEquals(client.isConnected(), false);
      throw mine;
    };
    assertStrictEquals(await assertRejects(never), mine);
  });
});
