import type { Message } from "@minimqtt/core";
import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Delivery, Receipt } from "./received_message.ts";

function packet(payload: Uint8Array): Message {
  return {
    type: "message",
    packet: 0x30,
    topic: "t",
    payload,
    qos: 1,
    retain: true,
    duplicate: true,
    id: 7,
  } as Message;
}

describe("Delivery", () => {
  it("gives the payload as it is, as text and as JSON", () => {
    const bytes = new TextEncoder().encode('{"celsius":21.5}');
    const message = new Delivery(packet(bytes), undefined);
    assertEquals(message.payload === bytes, true);
    assertEquals([message.text(), message.json<{ celsius: number }>().celsius], ['{"celsius":21.5}', 21.5]);
    assertEquals([message.topic, message.qos, message.retain, message.duplicate], ["t", 1, true, true]);
  });

  it("mends what is no UTF-8, keeps U+FEFF, and throws for what is no JSON", () => {
    const message = new Delivery(packet(new Uint8Array([0xef, 0xbb, 0xbf, 0xff])), undefined);
    assertEquals(message.text(), "\ufeff\ufffd");
    assertThrows(() => message.json(), SyntaxError);
  });

  it("is acknowledged once, when all who got it have done so", () => {
    const acknowledged: number[] = [];
    const source = packet(new Uint8Array(0));
    const receipt = new Receipt(source, 2, ({ id }) => acknowledged.push(id));
    const [first, second] = [new Delivery(source, receipt), new Delivery(source, receipt)];
    first.acknowledge();
    first.acknowledge();
    assertEquals(acknowledged, []);
    second.acknowledge();
    second.acknowledge();
    assertEquals(acknowledged, [7]);
  });
});
