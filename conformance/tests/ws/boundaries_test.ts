import { MQTT } from "@minimqtt/client";
import { ws } from "@minimqtt/transport-ws";
import { assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { fixture, peersMissing, stopPeers } from "../../src/fixtures/ws.ts";
import type { Peer } from "../../src/mod.ts";

const missing = peersMissing();
const test = missing === null ? it : it.skip;
const reason = missing === null ? "" : ` (skipped: ${missing})`;

describe("MQTT over WebSocket", () => {
  afterAll(stopPeers);

  test(`loop() finds packets in any messages: one in many, many in one (MM-206) [MQTT-6.0.0-2]${reason}`, async () => {
    const { client, peer } = await connected((peer) => byteByByte(peer, "20020000"));
    const got: string[] = [];
    client.onMessage = (_client, topic, message) => got.push(`${topic} ${message}`);
    // Two messages and the beginning of a third, then its rest.
    await peer.write(fromHex("3004000161 41 3004000162 42 3004 00"));
    while (got.length < 2) await client.loop();
    await byteByByte(peer, "01 63 43");
    while (got.length < 3) await client.loop();
    assertEquals(got, ["a A", "b B", "c C"]);
    await leave(client, peer);
  });

  test(`publish() of several messages in one turn is one binary message (MM-206) [MQTT-6.0.0-1]${reason}`, async () => {
    const { client, peer } = await connected((peer) => peer.write(fromHex("20020000")));
    // A peer that reads by messages: the first publish leaves at once, the others together.
    for (const topic of ["a", "b", "c"]) void client.publish(topic, "x");
    const messages: string[] = [];
    while (messages.join("").length < 36) messages.push(toHex(await peer.read() ?? new Uint8Array(0)));
    assertEquals(messages.join(""), "300400016178" + "300400016278" + "300400016378");
    assertEquals(messages.length <= 2, true);
    await leave(client, peer);
  });
});

/** A client whose CONNECT a peer has answered in its own way. */
async function connected(answer: (peer: Peer) => Promise<void>): Promise<{ client: MQTT; peer: Peer }> {
  const { address, accept, close } = await fixture.listen();
  const client = new MQTT({ broker: `ws://${address.host}:${address.port}`, transport: ws() });
  const connecting = client.connect();
  const peer = await accept();
  await peer.read();
  await answer(peer);
  await connecting;
  await close();
  return { client, peer };
}

async function byteByByte(peer: Peer, hex: string): Promise<void> {
  for (const byte of fromHex(hex)) await peer.write(Uint8Array.of(byte));
}

async function leave(client: MQTT, peer: Peer): Promise<void> {
  await client.disconnect();
  await peer.close();
}
