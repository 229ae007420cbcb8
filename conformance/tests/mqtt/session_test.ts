import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { type Stage, stage } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

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

describe("a session that outlives its connection", () => {
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
