import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException } from "@minimqtt/client";
import { FakeClock } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, stage } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

describe("loop(): time", () => {
  it("loop() ends in its time though callbacks are slow and messages waiting (MM-161)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    client.onMessage = async (_client, _topic, message) => {
      await new Promise<void>((resolve) => clock.timer(clock.now() + 400, resolve));
      seen.push(message);
    };
    for (let i = 0; i < 7; i++) await broker.send(publish("a", `${i}`));
    assertEquals(await clock.run(client.loop(1)), [48, 48, 48]);
    assertEquals([seen.join(), clock.now()], ["0,1,2", 1200]);
    assertEquals(await clock.run(client.loop(1)), [48, 48, 48]);
    assertEquals(await clock.run(client.loop(1)), [48]);
    assertEquals(seen.join(), "0,1,2,3,4,5,6");
  });
});

describe("loop(0)", () => {
  it("loop(0) waits for async callbacks, and handles all that has arrived (MM-163)", async () => {
    const { client, broker, clock } = await online();
    let ended = 0;
    client.onMessage = async () => {
      for (let turn = 0; turn < 50; turn++) await undefined;
      ended++;
    };
    for (let i = 0; i < 20; i++) await broker.send(publish("a", `${i}`));
    assertEquals([(await clock.run(client.loop(0)))?.length, ended], [20, 20]);
  });

  it("loop(0) leaves the rest for later when callbacks take long (MM-163)", async () => {
    const { client, broker, clock } = await online();
    let ended = 0;
    client.onMessage = async () => {
      await new Promise<void>((resolve) => clock.timer(clock.now() + 30, resolve));
      ended++;
    };
    for (let i = 0; i < 5; i++) await broker.send(publish("a", `${i}`));
    for (const after of [2, 4, 5]) {
      await clock.run(client.loop(0));
      assertEquals(ended, after);
    }
  });

  it("loop(0) notices the end of the connection (MM-178)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    await broker.send(publish("a", "last"));
    await broker.close();
    await rejectsWith(clock.run(client.loop(0)), MMQTTException, "Connection closed by broker");
    assertEquals(seen, ["message a last", "disconnect undefined 1"]);
  });
});

describe("loop(): keep alive", () => {
  it("loop() pings on a clock far beyond 2^31 milliseconds (MM-177)", async () => {
    for (const now of [2 ** 31 - 5000, 2 ** 32 - 5000, 2 ** 45 + 0.25]) {
      const clock = new FakeClock(now);
      const scene = stage({ clock, keepAlive: 10 });
      await Promise.all([clock.run(scene.client.connect()), scene.broker.welcome()]);
      const looping = clock.run(scene.client.loop(10));
      await scene.broker.expect("c000");
      await scene.broker.send("d000");
      assertEquals(await looping, [0xd0]);
      assertEquals(clock.now(), now + 10_000);
    }
  });

  it("loop() goes on pinging while an async callback takes minutes (MM-168)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10 });
    client.onMessage = () => new Promise<void>((resolve) => clock.timer(clock.now() + 120_000, resolve));
    await broker.send(publish("a", "x"));
    const looping = clock.run(client.loop(1));
    for (let at = 9000; at < 120_000; at += 9000) {
      await broker.expect("c000");
      assertEquals(clock.now(), at);
      await broker.send("d000");
    }
    assertEquals(await looping, [0x30]);
    assertEquals((await clock.run(client.loop(1)))?.length, 13);
    assertEquals(client.isConnected(), true);
  });
});

describe("loop(): packets", () => {
  it("loop() takes packets nobody waits for whole, and warns (MM-171) (MM-175) (MM-221)", async () => {
    const scene = await online();
    const warnings: string[] = [];
    scene.client.enableLogger({
      ...console,
      warn: (text: string) => warnings.push(text),
      debug() {},
      info() {},
    });
    const late = "9003000100" + "d000" + "b0020001" + "40020001" + "70020001" + "50020001";
    const types = await exchange(scene, scene.client.loop(), ["", late + publish("a", "x")], [
      "62020001",
      "",
    ]);
    assertEquals(types, [0x90, 0xd0, 0xb0, 0x40, 0x70, 0x50, 0x30]);
    assertEquals(warnings.length, 5);
    for (const warning of warnings) {
      assert(/^ignored a packet of type 0x(90|b0|40|70|50) that nobody waits for$/.test(warning), warning);
    }
  });
});

describe("ping()", () => {
  it("ping() does not count a PINGRESP as late that came in time but is read after (MM-173)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 4 });
    client.onMessage = () => new Promise<void>((resolve) => clock.timer(clock.now() + 60_000, resolve));
    const pinging = clock.run(client.ping());
    await broker.expect("c000");
    await broker.send(publish("a", "slow") + "d000");
    assertEquals(await pinging, [48, 208]);
    assertEquals([clock.now(), client.isConnected()], [60_000, true]);
  });

  it("ping() inside a callback ends though its PINGRESP is behind more messages than are held (MM-135)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10 }, { room: 1 << 20 });
    const seen: string[] = [];
    let messages = 0;
    client.onMessage = async () => {
      if (messages++ === 0) await client.ping().catch((error) => seen.push(error.message));
    };
    const looping = client.loop();
    await broker.send(publish("a", "x").repeat(5000));
    const run = clock.run(looping);
    await broker.expect("c000");
    await broker.send("d000");
    await run;
    while (messages < 5000) await clock.run(client.loop());
    assertEquals(seen, ["PINGRESP not returned from broker within 20 seconds."]);
    assertEquals(client.isConnected(), true);
  });
});
