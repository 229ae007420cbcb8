import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { type Stage, stage } from "./stage.ts";
import { publish } from "../src/wire.ts";

const CLOSED = "Connection closed by broker";

/** Connects; the broker says whether it has the session. */
async function connect({ client, broker, clock }: Stage, present = false, clean = false): Promise<number> {
  const [flags] = await Promise.all([
    clock.run(client.connect(clean)),
    broker.welcome(present ? "20020100" : "20020000"),
  ]);
  return flags;
}

/** Everything that has left since, in hex. */
async function sent({ client, broker, clock }: Stage): Promise<string> {
  let hex = "";
  await clock.run(client.disconnect());
  for (let got = await broker.packet(); got !== "e000"; got = await broker.packet()) hex += got;
  return hex;
}

/** A scene in which publishes with QoS 1, 2 and 2 are under way, the last one released, and the connection is lost. */
async function interrupted(): Promise<Stage> {
  const scene = stage();
  const { client, broker, clock } = scene;
  assertEquals(await connect(scene), 0);
  const calls = Promise.all(
    ([1, 2, 2] as const).map((qos, i) =>
      rejectsWith(client.publish(`t${i}`, `${i}`, i === 1, qos), MMQTTException, CLOSED)
    ),
  );
  await broker.expect(publish("t0", "0", { qos: 1, id: 1 }));
  await broker.expect(publish("t1", "1", { qos: 2, id: 2, retain: true }));
  await broker.expect(publish("t2", "2", { qos: 2, id: 3 }));
  await broker.send("50020003");
  await broker.expect("62020003");
  await broker.close();
  await clock.run(calls);
  return scene;
}

const AGAIN = publish("t0", "0", { qos: 1, id: 1, dup: true }) +
  publish("t1", "1", { qos: 2, id: 2, retain: true, dup: true }) + "62020003";

describe("a session that outlives its connection", () => {
  it("connect() sends again what was under way, in order, with DUP and the same identifiers (MM-225) [MQTT-4.4.0-1]", async () => {
    const scene = await interrupted();
    const { client, broker, clock } = scene;
    assertEquals(await connect(scene, true), 1);
    // At once: it needs no further call.
    await broker.expect(AGAIN);
    await broker.send("40020001" + "50020002" + "70020003");
    const looping = clock.run(client.loop());
    await broker.expect("62020002");
    await broker.send("70020002");
    assertEquals(await looping, [0x40, 0x50, 0x70, 0x70]);
    assertEquals(await sent(scene), "");
  });

  it("connect() sends them as often as connections break, until they are acknowledged (MM-225)", async () => {
    const scene = await interrupted();
    for (let i = 0; i < 3; i++) {
      await connect(scene, true);
      await scene.broker.expect(AGAIN);
      await scene.broker.close();
      await rejectsWith(scene.clock.run(scene.client.loop()), MMQTTException, CLOSED);
    }
  });

  it("connect() drops them when the broker has no session (MM-225) [MQTT-3.1.2-6]", async () => {
    for (const clean of [false, true]) {
      const scene = await interrupted();
      assertEquals(await connect(scene, false, clean), 0);
      assertEquals(await exchange(scene, scene.client.loop()), null);
      // Identifiers go on, and are free.
      await exchange(scene, scene.client.publish("n", "x", false, 1), [
        publish("n", "x", { qos: 1, id: 4 }),
        "40020004",
      ]);
      assertEquals(await sent(scene), "");
    }
  });

  it("publish() with QoS 0 is never sent again [MQTT-4.3.1-1] (MM-225)", async () => {
    const scene = stage();
    await connect(scene);
    await scene.client.publish("t", "x");
    await scene.broker.expect(publish("t", "x"));
    await scene.broker.close();
    await rejectsWith(scene.clock.run(scene.client.loop()), MMQTTException, CLOSED);
    await connect(scene, true);
    assertEquals(await sent(scene), "");
  });

  it("publish() that gave up waiting is sent again all the same, for the broker may have it (MM-225)", async () => {
    const scene = stage();
    await connect(scene);
    const late = "No data received from broker for 1 seconds.";
    await rejectsWith(
      scene.clock.run(scene.client.publish("t", "x", { qos: 1, timeout: 1 })),
      MMQTTException,
      late,
    );
    await scene.clock.run(scene.client.disconnect());
    await connect(scene, true);
    await scene.broker.expect(publish("t", "x", { qos: 1, id: 1, dup: true }));
  });
});

describe("messages of a session", () => {
  it("QoS 2 that was delivered is not delivered again on the next connection (MM-133) [MQTT-4.3.3-2]", async () => {
    const scene = stage();
    const seen = recorded(scene.client);
    await connect(scene);
    await exchange(scene, scene.client.loop(), ["", publish("a", "x", { qos: 2, id: 7 })], ["50020007", ""]);
    await scene.broker.close();
    await rejectsWith(scene.clock.run(scene.client.loop()), MMQTTException, CLOSED);
    await connect(scene, true);
    const again = publish("a", "x", { qos: 2, id: 7, dup: true });
    await exchange(scene, scene.client.loop(), ["", again], ["50020007", "62020007"], ["70020007", ""]);
    assertEquals(seen.filter((line) => line.startsWith("message")), ["message a x"]);
  });

  it("QoS 2 that was read and not delivered when disconnect() came is delivered once later (MM-133)", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    await connect(scene);
    await exchange(scene, client.loop());
    const waiting = ["1", "2", "3"].map((text, i) => publish("a", text, { qos: i as 0 | 1 | 2, id: 7 + i }))
      .join("");
    await broker.send(waiting);
    await settled();
    await clock.run(client.disconnect());
    await broker.expect("e000");
    await connect(scene, true);
    // What was not acknowledged comes again.
    const again = publish("a", "2", { qos: 1, id: 8, dup: true }) +
      publish("a", "3", { qos: 2, id: 9, dup: true });
    await exchange(scene, client.loop(), ["", again + publish("a", "4", { qos: 1, id: 10 })]);
    const messages = seen.filter((line) => line.startsWith("message"));
    assertEquals(messages.toSorted(), ["message a 2", "message a 3", "message a 4"]);
    assertEquals(await sent(scene), "40020008" + "50020009" + "4002000a");
  });

  it("QoS 2 that was read and not delivered is dropped with its session (MM-133)", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    const seen = recorded(client);
    await connect(scene);
    await exchange(scene, client.loop());
    await broker.send(publish("a", "old", { qos: 2, id: 7 }));
    await settled();
    await clock.run(client.disconnect());
    await connect(scene, false);
    await exchange(scene, client.loop(), ["", publish("a", "new", { qos: 2, id: 7 })], ["50020007", ""]);
    assertEquals(seen.filter((line) => line.startsWith("message")), ["message a new"]);
  });

  it("QoS 1 and 2 behind a slow callback when the connection is lost are delivered, once (MM-133) (MM-178)", async () => {
    const scene = stage();
    const { client, broker, clock } = scene;
    const seen: string[] = [];
    client.onMessage = async (client, _topic, message) => {
      seen.push(message);
      if (message === "1") {
        await client.publish("t", "x", { qos: 1 }).catch((error) => seen.push(error.message));
      }
    };
    await connect(scene);
    const looping = rejectsWith(client.loop(60), MMQTTException, CLOSED);
    await broker.send(
      publish("a", "1", { qos: 2, id: 1 }) + publish("a", "2", { qos: 2, id: 2 }) +
        publish("a", "3", { qos: 1, id: 3 }),
    );
    await broker.close();
    await clock.run(looping);
    assertEquals(seen, ["1", CLOSED, "2", "3"]);
    await connect(scene, true);
    await exchange(
      scene,
      client.loop(),
      [
        publish("t", "x", { qos: 1, id: 1, dup: true }),
        [1, 2].map((id) => publish("a", `${id}`, { qos: 2, id, dup: true })).join("") + "40020001",
      ],
      ["50020001" + "50020002", ""],
    );
    assertEquals(seen.length, 4);
  });
});
