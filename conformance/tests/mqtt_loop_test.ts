import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type ConnectionError, MMQTTException, MMQTTStateError, UsageError } from "@minimqtt/client";
import { FakeClock } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, stage } from "./stage.ts";
import { publish } from "../src/wire.ts";

describe("loop(): time", () => {
  it("loop() goes on until its time has passed, whatever comes, and gives the types in order (MM-160) (MM-162)", async () => {
    const { client, broker, clock } = await online();
    const looping = client.loop(3);
    for (const sent of [publish("a", "1"), "d000", publish("a", "2", { qos: 1 }) + "40020009"]) {
      await clock.advance(700);
      await broker.send(sent);
    }
    assertEquals(await clock.run(looping), [0x30, 0xd0, 0x30, 0x40]);
    assertEquals([clock.now(), clock.armed], [3000, 0]);
  });

  it("loop() gives null when nothing came (MM-160)", async () => {
    const { client, clock } = await online();
    assertEquals(await clock.run(client.loop()), null);
    assertEquals(clock.now(), 1000);
  });

  it("loop() is never early, for any timeout (MM-161)", async () => {
    const { client, clock } = await online();
    for (const seconds of [1, 1.5, 3, 7.25]) {
      const start = clock.now();
      await clock.run(client.loop(seconds));
      assertEquals(clock.now() - start, seconds * 1000);
    }
  });

  it("loop() passes the reference's test_loop_basic: one packet a second, 3 to 8 seconds (section 3.3)", async () => {
    for (const seconds of [3, 5, 8]) {
      const { client, broker, clock } = await online();
      let looping = true;
      const types = client.loop(seconds).finally(() => looping = false);
      let sent = 0;
      while (looping) {
        await broker.send(publish("a", `${sent++}`));
        await clock.advance(1000);
      }
      assertEquals(await types, Array(sent).fill(0x30));
      assertEquals(sent, seconds);
    }
  });

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

  it("loop() refuses a timeout below socketTimeout before it looks at the connection (MM-163)", async () => {
    const text = "loop timeout (0.5) must be >= socket timeout (1))";
    await rejectsWith(stage().client.loop(0.5), UsageError, text);
    const { client, clock } = await online({ socketTimeout: 0.5 });
    await rejectsWith(
      client.loop(0.25),
      UsageError,
      "loop timeout (0.25) must be >= socket timeout (0.5))",
    );
    for (const timeout of [-1, NaN, Infinity, "1", null]) {
      await assertRejects(() => client.loop(timeout as number), UsageError, "loop timeout");
    }
    assertEquals(await clock.run(client.loop(0.5)), null);
  });

  it("loop() is refused when not connected (MM-164)", async () => {
    const { client } = stage();
    await rejectsWith(client.loop(1), MMQTTStateError, "MiniMQTT is not connected");
    await rejectsWith(client.loop(0), MMQTTStateError, "MiniMQTT is not connected");
  });
});

describe("loop(0)", () => {
  it("loop(0) handles what has arrived, and returns at once (MM-163)", async () => {
    const { client, broker, clock } = await online();
    const seen = recorded(client);
    assertEquals(await clock.run(client.loop(0)), null);
    for (let i = 0; i < 3; i++) await broker.send(publish("a", `${i}`, { qos: 1, id: i + 1 }));
    assertEquals(await clock.run(client.loop(0)), [48, 48, 48]);
    await broker.expect("40020001" + "40020002" + "40020003");
    assertEquals(seen, ["message a 0", "message a 1", "message a 2"]);
    assertEquals([await clock.run(client.loop(0)), clock.now(), clock.armed], [null, 0, 0]);
  });

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

  it("loop(0) pings when a ping is due, and sends one PINGREQ only (MM-165) (MM-177)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10 });
    await clock.advance(9000);
    for (let i = 0; i < 100; i++) await clock.run(client.loop(0));
    await broker.expect("c000");
    await broker.send("d000");
    assertEquals(await clock.run(client.loop(0)), [0xd0]);
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });
});

describe("loop(): keep alive", () => {
  it("loop() pings as often as needed, and before keepAlive has passed each time (MM-165) (MM-168)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 60 });
    const looping = clock.run(client.loop(600));
    for (let last = 0, pings = 0; pings < 11; pings++) {
      await broker.expect("c000");
      assertLessOrEqual(clock.now() - last, 60_000);
      last = clock.now();
      await broker.send("d000");
    }
    assertEquals(await looping, Array(11).fill(0xd0));
  });

  it("loop() sends PINGREQ at nine tenths of keepAlive (MM-168)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10 });
    const looping = clock.run(client.loop(30));
    for (const at of [9000, 18_000, 27_000]) {
      await broker.expect("c000");
      assertEquals(clock.now(), at);
      await broker.send("d000");
    }
    assertEquals(await looping, [0xd0, 0xd0, 0xd0]);
  });

  it("loop() counts every packet it writes, PUBACK too, as sent (MM-166)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10 });
    const looping = client.loop(21);
    for (let i = 1; i <= 4; i++) {
      await clock.advance(5000);
      await broker.send(publish("a", "x", { qos: 1, id: i }));
      await broker.expect(`4002000${i}`);
    }
    assertEquals(await clock.run(looping), Array(4).fill(0x30));
    await clock.run(client.disconnect());
    await broker.expect("e000");
  });

  it("loop() sends no ping while publishing is enough: test_loop_ping_vs_msgs_sent (section 3.3) (MM-167)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 4 });
    for (let i = 0; i < 12; i++) {
      await client.publish("foo", "bar");
      await clock.run(client.loop(1));
    }
    await broker.expect("30080003666f6f626172".repeat(12));
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await broker.expectEnd();
  });

  it("loop() pings several times in one call: test_loop_ping_timeout (section 3.3) (MM-169)", async () => {
    const scene = await online({ keepAlive: 4, recvTimeout: 2 });
    const { client, broker, clock } = scene;
    const looping = clock.run(client.loop(10));
    for (let i = 0; i < 2; i++) {
      await broker.expect("c000");
      await broker.send("d000");
    }
    assertEquals(await looping, [0xd0, 0xd0]);
    assertEquals(clock.now(), 10_000);
    const short = await online({ keepAlive: 1 });
    assertEquals(await exchange(short, short.client.loop(1.5), ["c000", "d000"]), [0xd0]);
  });

  it("loop() sends no ping with keepAlive 0 (MM-170)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 0 });
    assertEquals(await clock.run(client.loop(1000)), null);
    assertEquals(client.isConnected(), true);
    await clock.run(client.disconnect());
    await broker.expect("e000");
  });

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

  it("loop() does not hold a pause between calls against the broker (MM-132)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 10, recvTimeout: 2 });
    // A ping is under way, and half a packet, when the program goes for something else.
    await clock.run(client.loop(9));
    const ping = clock.run(client.loop(1));
    await broker.expect("c000");
    await broker.send(publish("a", "whole").slice(0, 8));
    await ping;
    assertEquals(clock.armed, 0);
    await clock.advance(60_000);
    await broker.send(publish("a", "whole").slice(8) + "d000");
    const looping = clock.run(client.loop(5));
    await broker.expect("c000");
    await broker.send("d000");
    assertEquals(await looping, [0x30, 0xd0, 0xd0]);
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

  it("loop() rejects at once when the broker closes, and tells onDisconnect once (MM-178) (MM-189)", async () => {
    const scene = await online({ userData: "u" });
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    const looping = client.loop(60);
    await clock.advance(1000);
    await broker.close();
    await rejectsWith(looping, MMQTTException, "Connection closed by broker");
    assertEquals([clock.now(), clock.armed, client.isConnected()], [1000, 0, false]);
    await rejectsWith(client.loop(), MMQTTStateError, "MiniMQTT is not connected");
    assertEquals(seen, ["disconnect u 1"]);
  });

  it("loop() keeps the part of a packet across calls (MM-179)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 0 });
    const seen = recorded(client);
    const bytes = publish("topic", "payload", { qos: 1, id: 7 });
    for (let i = 0; i < bytes.length; i += 2) {
      await broker.send(bytes.slice(i, i + 2));
      await clock.run(client.loop(1));
    }
    assertEquals(seen, ["message topic payload"]);
    await broker.expect("40020007");
  });

  it("loop() gives a packet that does not go on recvTimeout seconds, then closes (MM-179) (MM-202)", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 4 });
    const seen = recorded(client);
    const text = "Unable to receive 5 bytes within 4 seconds.";
    const looping = rejectsWith(client.loop(30), MMQTTException, text);
    // Half a second more than socketTimeout is nothing: the reference gave up there.
    await broker.send("3009000161");
    await clock.advance(1500);
    await broker.send("78");
    await clock.advance(3999);
    assertEquals(client.isConnected(), true);
    await clock.advance(1);
    assertEquals(((await looping).cause as ConnectionError).code, "packet-timeout");
    assertEquals([clock.now(), seen.length], [5500, 1]);
    await broker.expectEnd();
  });
});
