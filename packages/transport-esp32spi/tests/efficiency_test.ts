import { assert } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { EspEmulator } from "../src/emulator/mod.ts";
import { esp32spi, EspSpiControl } from "../src/mod.ts";
import { Peer } from "./peer.ts";

const MESSAGE = 1024;
const COUNT = 50;

/** Payload against all bytes that the bus carried: what a bus that is never idle would reach of its limit. */
async function efficiency(writeSize: number): Promise<number> {
  const peer = await Peer.start();
  const module = new EspEmulator({ networks: [{ ssid: "home", passphrase: "correct horse" }] });
  const esp = new EspSpiControl(module.bus, module.pins);
  await esp.connectAP("home", "correct horse");
  const connection = await esp32spi(esp).connect({ host: "127.0.0.1", port: peer.port });
  const message = new Uint8Array(MESSAGE).fill(0x61);
  const before = module.bytesClocked;
  for (let count = 0; count < COUNT; count++) {
    for (let at = 0; at < MESSAGE; at += writeSize) {
      await connection.write(message.subarray(at, at + writeSize));
    }
  }
  const clocked = module.bytesClocked - before;
  await connection.close();
  module.close();
  peer.stop();
  return MESSAGE * COUNT / clocked;
}

describe("the bus", () => {
  it("is more than 90% payload with 1 KiB messages, and not even 75% in writes of 64 bytes", async () => {
    const [ours, reference] = [await efficiency(MESSAGE), await efficiency(64)];
    assert(ours > 0.9, `${ours} of the bytes are payload`);
    assert(reference < 0.75, `${reference} of the bytes are payload with 64-byte writes`);
  });
});
