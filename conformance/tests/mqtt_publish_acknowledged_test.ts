import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException } from "@minimqtt/client";
import { fromHex } from "../src/bytes.ts";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { online } from "./stage.ts";

const PUBLISH = "320a000174000168656c6c6f";
const MESSAGE = "300a000472782f307a65726f";

describe("publish(): waiting for PUBACK", () => {
  it("publish() ignores a PUBACK for another identifier, with a warning, and waits on (MM-080)", async () => {
    const { client, broker } = await online();
    const warnings: string[] = [];
    const ignore = () => {};
    client.logger = {
      debug: ignore,
      info: ignore,
      warning: (text) => warnings.push(text),
      error: ignore,
      critical: ignore,
    };
    let done = false;
    const publishing = client.publish("t", "hello", false, 1).then(() => done = true);
    await broker.expect(PUBLISH);
    await broker.send("40020009");
    await settled();
    assertFalse(done);
    await broker.send("40020001");
    await publishing;
    assertEquals(warnings.length, 1);
    assertStringIncludes(warnings[0]!, "0x40");
  });

  it("publish() gives a silent broker up after recvTimeout; the connection stays (MM-082)", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 2 });
    const publishing = clock.run(client.publish("t", "hello", false, 1));
    const text = "No data received from broker for 2 seconds.";
    const { cause } = await rejectsWith(publishing, MMQTTException, text);
    assert(cause instanceof ConnectionError);
    assertEquals([cause.code, clock.now(), clock.armed], ["acknowledgement-timeout", 2000, 0]);
    assert(client.isConnected());
    // The acknowledgement comes late, and harms nobody.
    await broker.expect(PUBLISH);
    await broker.send("40020001");
    assertEquals(await clock.run(client.loop(1)), [0x40]);
  });

  it("publish() waits timeout seconds in recvTimeout's place (MM-229)", async () => {
    const { client, clock } = await online({ recvTimeout: 2 });
    const publishing = clock.run(client.publish("t", "x", { qos: 1, timeout: 0.5 }));
    await rejectsWith(publishing, MMQTTException, "No data received from broker for 0.5 seconds.");
    assertEquals(clock.now(), 500);
  });

  it("publish() keeps its deadline however many messages come meanwhile (MM-082)", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 2 });
    let messages = 0;
    client.onMessage = () => void messages++;
    for (let ms = 100; ms <= 6000; ms += 100) {
      clock.timer(ms, () => void broker.send(MESSAGE).catch(() => {}));
    }
    const publishing = clock.run(client.publish("t", "hello", false, 1));
    await rejectsWith(publishing, MMQTTException, "No data received from broker for 2 seconds.");
    assertEquals(clock.now(), 2000);
    assert(messages >= 19, `${messages} messages`);
  });

  it("publish() delivers messages that come before PUBACK (MM-083)", async () => {
    const { client, broker, clock } = await online();
    const calls: unknown[] = [];
    client.onMessage = (_client, topic, message) => calls.push([topic, message]);
    const publishing = clock.run(client.publish("t", "hello", false, 1).then(() => calls.push("resolved")));
    await broker.expect(PUBLISH);
    await broker.send(`${MESSAGE} 320b000472782f3100016f6e65 40020001`);
    await publishing;
    assertEquals(calls, [["rx/0", "zero"], ["rx/1", "one"], "resolved"]);
    await broker.expect("40020001");
  });

  it("publish() tells the answers to other calls from its own (MM-083)", async () => {
    const { client, broker } = await online();
    const ended: string[] = [];
    const end = (name: string) => () => ended.push(name);
    const calls = Promise.all([
      client.publish("t", "x", false, 1).then(end("publish")),
      client.subscribe("s").then(end("subscribe")),
      client.ping().then(end("ping")),
    ]);
    await broker.expect("320600017400 0178 8206000200017300 c000");
    await broker.send("9003000200");
    await settled();
    await broker.send("d000");
    await settled();
    assertEquals(ended, ["subscribe", "ping"]);
    await broker.send("40020001");
    await calls;
    assertEquals(ended, ["subscribe", "ping", "publish"]);
  });

  it("publish() rejects at once when the broker closes in PUBACK's place (MM-178)", async () => {
    const { client, broker, clock } = await online();
    const ends: number[] = [];
    client.onDisconnect = (_client, _userData, rc) => ends.push(rc);
    const publishing = rejectsWith(
      clock.run(client.publish("t", "hello", false, 1)),
      MMQTTException,
      "Connection closed by broker",
    );
    await broker.expect(PUBLISH);
    await broker.close();
    await publishing;
    assertEquals([ends, clock.now(), client.isConnected()], [[1], 0, false]);
  });
});

describe("publish(): packet identifiers", () => {
  it("publish(), subscribe() and unsubscribe() share one counter, from 1 on (MM-085)", async () => {
    const { client, broker, clock } = await online();
    const exchange = async (call: Promise<unknown>, sent: string, answer: string) => {
      const calling = clock.run(call);
      await broker.expect(sent);
      await broker.send(answer);
      await calling;
    };
    await exchange(client.publish("t", "x", false, 1), "320600017400 0178", "40020001");
    await exchange(client.subscribe("s"), "8206000200017300", "9003000200");
    await exchange(client.publish("t", "x"), "300400017478", "");
    await exchange(client.unsubscribe("s"), "a2050003000173", "b0020003");
    await exchange(client.publish("t", "x", false, 1), "320600017400 0478", "40020004");
  });

  it("publish() wraps from 65535 to 1, never uses 0, and skips what is under way (MM-085)", async () => {
    const { client, broker, clock } = await online({ recvTimeout: 1e6, keepAlive: 0 });
    const first = client.publish("t", "", false, 1);
    await broker.expect("32050001740001");
    const publishAll = async (ids: number[]) => {
      const publishing = clock.run(Promise.all(ids.map(() => client.publish("t", "", false, 1))));
      const hex = ids.map((id) => id.toString(16).padStart(4, "0"));
      await broker.expect(hex.map((id) => `3205000174${id}`).join(""));
      await broker.send(hex.map((id) => `4002${id}`).join(""));
      await publishing;
    };
    for (let from = 2; from <= 65_535; from += 1000) {
      await publishAll(Array.from({ length: Math.min(1000, 65_536 - from) }, (_, i) => from + i));
    }
    // 1 waits for its PUBACK still.
    await publishAll([2, 3]);
    await broker.send("40020001");
    await clock.run(first);
  });

  it("publish() goes on counting behind a reconnect() (MM-086)", async () => {
    const { client, broker, clock } = await online();
    const publishing = clock.run(client.publish("t", "x", false, 1));
    await broker.expect("320600017400 0178");
    await broker.send("40020001");
    await publishing;
    await Promise.all([clock.run(client.reconnect()), broker.welcome()]);
    const again = clock.run(client.publish("t", "x", false, 1));
    await broker.expect("320600017400 0278");
    await broker.send("40020002");
    await again;
  });
});

describe("publish(): QoS 2", () => {
  it("publish() sends PUBLISH, PUBREL, and resolves when PUBCOMP has come (MM-088)", async () => {
    const { client, broker, clock } = await online({ userData: "mine" });
    const calls: unknown[] = [];
    client.onPublish = (...args) => calls.push(args);
    const publishing = client.publish("t", "hello", false, 2).then(() => calls.push("resolved"));
    await broker.expect("340a000174000168656c6c6f");
    await broker.send("50020001");
    await broker.expect("62020001");
    await settled();
    assertEquals(calls, []);
    await broker.send("70020001");
    await publishing;
    assertEquals(calls, [[client, "mine", "t", 1], "resolved"]);
    // The identifier is free, the next is 2.
    const next = clock.run(client.publish("t", "", true, 2));
    await broker.expect("35050001740002");
    await broker.send("50020002 70020002");
    await next;
  });

  it("publish() answers a PUBREC that comes twice twice (MM-088)", async () => {
    const { client, broker, clock } = await online();
    const publishing = clock.run(client.publish("t", "hello", false, 2));
    await broker.expect("340a000174000168656c6c6f");
    await broker.send("50020001 50020001");
    await broker.expect("62020001 62020001");
    await broker.send("70020001");
    await publishing;
  });

  it("publish() gives up a broker that stops between PUBREC and PUBCOMP after recvTimeout (MM-088)", async () => {
    for (const answer of ["", "50020001"]) {
      const { client, broker, clock } = await online({ recvTimeout: 2 });
      const publishing = clock.run(client.publish("t", "hello", false, 2));
      const rejecting = rejectsWith(
        publishing,
        MMQTTException,
        "No data received from broker for 2 seconds.",
      );
      await broker.expect("340a000174000168656c6c6f");
      await broker.send(answer);
      await rejecting;
      assertEquals(clock.now(), 2000);
    }
  });
});

describe("publish(): several at a time", () => {
  it("publish() may overlap: each resolves on its own acknowledgement, in any order (MM-089)", async () => {
    const { client, broker } = await online();
    const ended: number[] = [];
    const publish = (qos: 0 | 1 | 2, n: number) =>
      client.publish("t", n, false, qos).then(() => ended.push(n));
    const running = Promise.all([publish(1, 1), publish(2, 2), publish(0, 3), publish(1, 4), publish(2, 5)]);
    await broker.expect(
      "32060001740001 31 34060001740002 32 300400017433 32060001740003 34 34060001740004 35",
    );
    const send = async (hex: string) => {
      await broker.send(hex);
      await settled();
    };
    await settled();
    assertEquals(ended, [3]);
    await send("40020003");
    await send("50020004");
    await send("40020001");
    await send("50020002");
    await send("70020004");
    await send("70020002");
    await running;
    assertEquals(ended, [3, 4, 1, 5, 2]);
    await broker.expect("62020004 62020002");
  });

  it("publish() of a hundred overlapping large messages never mixes their bytes (MM-089)", async () => {
    const { client, broker, clock } = await online({}, { room: 1000 });
    const running = clock.run(
      Promise.all(
        Array.from(
          { length: 100 },
          (_, i) => client.publish("t", new Uint8Array(1000 + i).fill(i), false, 1),
        ),
      ),
    );
    for (let i = 0; i < 100; i++) {
      const packet = fromHex(await broker.packet());
      const id = packet[6]! << 8 | packet[7]!;
      assertEquals([packet.length, id], [8 + 1000 + i, i + 1]);
      assert(packet.subarray(8).every((byte) => byte === i));
      await broker.send(`4002${id.toString(16).padStart(4, "0")}`);
    }
    await running;
  });
});
