import { assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, UsageError } from "@minimqtt/core";
import { FakeModule, reply } from "../../tests/fake_module.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "./control.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const [AIM, INSERT, SEND] = [0x2d, 0x46, 0x39] as const;

describe("datagrams", () => {
  it("traps 48 and 49: START_SERVER makes the socket, and each datagram begins with its place", async () => {
    for (const version of ["1.7.7", "3.3.0"]) {
      const { module, esp } = setUp(version);
      const socket = await esp.socketOpen("time.test", 123, "udp");
      assertEquals(module.opcodes.slice(1), [0x34, 0x35, 0x3f, 0x28]);
      for (const _ of [1, 2]) assertEquals(await esp.socketWrite(socket, bytes(1, 2)), 2);
      assertEquals(module.opcodes.slice(5), [AIM, INSERT, SEND, AIM, INSERT, SEND]);
      assertEquals(module.frames.at(-3), "e02d04040a00000702007b01000101ee");
    }
  });

  it("trap 53: an answer goes to who is named, whoever has sent the last one", async () => {
    const { module, esp } = setUp();
    const socket = await esp.startUdpServer(5353);
    assertEquals(module.frames.at(-1), "e028030214e901000101ee00");
    assertEquals(await esp.socketSendTo(socket, bytes(1), "10.0.0.8", 99), 1);
    assertEquals(module.frames.at(-3), "e02d04040a00000802006301000101ee");
    const error = await assertRejects(() => esp.socketWrite(socket, bytes(1)), UsageError);
    assertEquals(error.code, "invalid-argument");
  });

  it("a group is joined by START_SERVER in mode 3, with its address in front", async () => {
    const { module, esp } = setUp();
    await esp.startUdpServer(5353, { group: "224.0.0.251" });
    assertEquals(module.frames.at(-1), "e0280404e00000fb0214e901000103ee");
    for (const group of ["10.0.0.1", "240.0.0.1", "all"]) {
      await assertRejects(() => esp.startUdpServer(5353, { group }), UsageError);
    }
  });

  it("come one by one, with their senders; none is `null`, and no end", async () => {
    const { module, esp } = setUp();
    const socket = await esp.startUdpServer(5353);
    assertEquals(await esp.socketReceiveFrom(socket), null);
    assertEquals(await esp.socketReceive(socket), bytes());
    assertEquals([await esp.socketConnected(socket), module.opcodes.includes(0x2f)], [true, false]);
    module.answers.set(0x2b, (_, count) => reply(0x2b, bytes(count < 5 ? 3 : 0, 0)));
    module.answers.set(0x3a, () => reply(0x3a, bytes(10, 0, 0, 8), bytes(0, 99)));
    module.answers.set(0x45, () => reply(0x45, bytes(1, 2, 3)));
    assertEquals(await esp.socketReceiveFrom(socket), {
      address: "10.0.0.8",
      port: 99,
      bytes: bytes(1, 2, 3),
    });
    assertEquals(await esp.socketRead(socket), bytes(1, 2, 3));
    assertEquals(module.frames.at(-1), "e0450200010000020300ee00");
  });

  it("a socket that the module refuses frees its slot", async () => {
    const { module, esp } = setUp();
    module.answers.set(0x28, () => reply(0x28, bytes(0)));
    const error = await assertRejects(() => esp.startUdpServer(5353), ConnectionError);
    assertEquals([error.code, module.opcodes.at(-1)], ["radio-refused", 0x2e]);
  });
});

function setUp(version?: string) {
  const module = new FakeModule(version);
  module.answers.set(0x35, () => reply(0x35, bytes(10, 0, 0, 7)));
  module.answers.set(0x3f, () => reply(0x3f, bytes(0)));
  module.answers.set(0x2b, () => reply(0x2b, bytes(0, 0)));
  const clock = new VirtualClock();
  return { module, esp: new EspSpiControl(module.bus, module.pins, { clock }) };
}
