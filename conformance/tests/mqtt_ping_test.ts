import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type ConnectionError, MMQTTException, MMQTTStateError, type ProtocolError } from "@minimqtt/client";
import { settled } from "../src/fake_clock.ts";
import { rejectsWith } from "./assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online, stage } from "./stage.ts";
import { publish } from "../src/wire.ts";

describe("ping()", () => {
  it("ping() sends PINGREQ, and gives the types up to and including the PINGRESP (MM-172)", async () => {
    const scene = await online();
    assertEquals(await exchange(scene, scene.client.ping(), ["c000", "d000"]), [0xd0]);
    assertEquals([scene.clock.now(), scene.clock.armed], [0, 0]);
  });

  it("ping() delivers messages meanwhile; their types come before that of the PINGRESP (MM-174)", async () => {
    const scene = await online();
    const seen = recorded(scene.client);
    const sent = publish("a", "1") + publish("a", "2", { qos: 1, id: 8 }) + "d000" + publish("a", "3");
    assertEquals(await exchange(scene, scene.client.ping(), ["c000", sent], ["40020008", ""]), [48, 48, 208]);
    assertEquals(seen, ["message a 1", "message a 2"]);
    assertEquals(await exchange(scene, scene.client.loop()), [48]);
  });

  it("ping() is refused when not connected (MM-181)", async () => {
    await rejectsWith(stage().client.ping(), MMQTTStateError, "MiniMQTT is not connected");
  });

  it("ping() gives PINGRESP keepAlive seconds, then closes: no recvTimeout, and no later (MM-173)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 8, recvTimeout: 4, socketTimeout: 2 });
    const seen = recorded(client);
    const error = await rejectsWith(
      clock.run(client.ping()),
      MMQTTException,
      "PINGRESP not returned from broker within 8 seconds.",
    );
    assertEquals((error.cause as ConnectionError).code, "pingresp-timeout");
    assertEquals([clock.now(), clock.armed, client.isConnected()], [8000, 0, false]);
    assertEquals(seen, ["disconnect undefined 1"]);
    // The ping that was due meanwhile went out as well.
    await broker.expect("c000" + "c000");
    await broker.expectEnd();
  });

  it("ping() rejects at once at the end of the stream (section 3.4) (MM-178)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 8, recvTimeout: 4, socketTimeout: 2 });
    const pinging = client.ping();
    await broker.expect("c000");
    await broker.close();
    await rejectsWith(clock.run(pinging), MMQTTException, "Connection closed by broker");
    assertEquals(clock.now(), 0);
  });

  it("ping() does not count a PINGRESP as late that came in time but is read after (MM-173)", async () => {
    const { client, broker, clock } = await online({ keepAlive: 4 });
    client.onMessage = () => new Promise<void>((resolve) => clock.timer(clock.now() + 60_000, resolve));
    const pinging = clock.run(client.ping());
    await broker.expect("c000");
    await broker.send(publish("a", "slow") + "d000");
    assertEquals(await pinging, [48, 208]);
    assertEquals([clock.now(), client.isConnected()], [60_000, true]);
  });

  it("ping() waits recvTimeout seconds with keepAlive 0 (MM-170)", async () => {
    const { client, clock } = await online({ keepAlive: 0, recvTimeout: 3 });
    const text = "PINGRESP not returned from broker within 3 seconds.";
    await rejectsWith(clock.run(client.ping()), MMQTTException, text);
    assertEquals(clock.now(), 3000);
    const scene = await online({ keepAlive: 0 });
    assertEquals(await exchange(scene, scene.client.ping(), ["c000", "d000"]), [208]);
  });

  it("ping() waits timeout seconds in keepAlive's place, and leaves the connection open (MM-229)", async () => {
    const scene = await online();
    const { client, clock, broker } = scene;
    const text = "PINGRESP not returned from broker within 2 seconds.";
    await rejectsWith(clock.run(client.ping({ timeout: 2 })), MMQTTException, text);
    assertEquals([clock.now(), client.isConnected()], [2000, true]);
    await broker.expect("c000");
    assertEquals(await exchange(scene, client.ping(), ["c000", "d000"]), [208]);
  });

  it("ping() rejects and closes for a PINGRESP with a body (MM-176)", async () => {
    const { client, broker, clock } = await online();
    const pinging = client.ping();
    await broker.expect("c000");
    await broker.send("d00100");
    const error = await rejectsWith(
      clock.run(pinging),
      MMQTTException,
      "Unexpected PINGRESP returned from broker: 1.",
    );
    assertEquals((error.cause as ProtocolError).code, "malformed-packet");
    assertEquals(client.isConnected(), false);
    await broker.expectEnd();
  });

  it("ping() during loop() leaves at once, and both count the PINGRESP (MM-233)", async () => {
    const { client, broker, clock } = await online();
    const looping = client.loop(30);
    await settled();
    const pinging = client.ping();
    await broker.expect("c000");
    assertEquals(clock.now(), 0);
    await broker.send(publish("a", "x") + "d000");
    assertEquals(await pinging, [48, 208]);
    assertEquals(await clock.run(looping), [48, 208]);
  });

  it("ping() twice at once sends two, and the first PINGRESP answers both (MM-233)", async () => {
    const { client, broker, clock } = await online();
    const pinging = clock.run(Promise.all([client.ping(), client.ping()]));
    await broker.expect("c000c000");
    await broker.send("d000");
    assertEquals(await pinging, [[208], [208]]);
    await broker.send("d000");
    assertEquals(await clock.run(client.loop()), [208]);
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
