import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Peer } from "../../tests/peer.ts";
import { VirtualClock } from "../../tests/virtual_clock.ts";
import { EspSpiControl } from "../driver/control.ts";
import { EspEmulator } from "../emulator/mod.ts";
import { traceBus, windowInWords } from "./trace.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

describe("traceBus()", () => {
  it("prints each window in words, and no secret", async () => {
    const peer = await Peer.start();
    const module = new EspEmulator({ networks: [{ ssid: "home", passphrase: "secret12" }] });
    const lines: string[] = [];
    const bus = traceBus(module.bus, {
      print: (line) => lines.push(line.replace(/ +[\d.]+ ms {2}/, "").replace(/02 .. .., /, "PORT, ")),
      clock: new VirtualClock(),
    });
    const esp = new EspSpiControl(bus, module.pins);
    await esp.connectAP("home", "secret12");
    const socket = await esp.socketOpen("127.0.0.1", peer.port);
    await esp.socketWrite(socket, new TextEncoder().encode("hello"));
    await esp.socketRead(socket);
    await esp.socketClose(socket);
    assertEquals(lines.map((line) => line.replace(/, .. .., 00, 00$/, ", PORT, 00, 00")), [
      "> GET_FW_VERSION",
      "< GET_FW_VERSION: 33 2E 33 2E 30 00",
      "> SET_PASSPHRASE 68 6F 6D 65, (8 bytes)",
      "< SET_PASSPHRASE: 01",
      "> GET_CONN_STATUS",
      "< GET_CONN_STATUS: 03",
      "> GET_IPADDR FF",
      "< GET_IPADDR: 0A 00 00 02, FF FF FF 00, 0A 00 00 01",
      "> GET_SOCKET",
      "< GET_SOCKET: 00",
      "> START_CLIENT_TCP 7F 00 00 01, PORT, 00, 00",
      "< START_CLIENT_TCP: 01",
      "> SEND_DATA_TCP 00, (5 bytes)",
      "< SEND_DATA_TCP: 05 00",
      "> GET_DATABUF_TCP 00, A0 0F",
      "< GET_DATABUF_TCP: (0 bytes)",
      "> STOP_CLIENT_TCP 00",
      "< STOP_CLIENT_TCP: 01",
    ]);
    assertEquals(module.violations.list, []);
    module.close();
    peer.stop();
  });

  it("has whole windows where the bus has", async () => {
    const lines: string[] = [];
    const bus = traceBus({
      select: () => undefined,
      transfer: (mosi) => mosi,
      deselect: () => undefined,
      window: (mosi) => Promise.resolve(mosi.map(() => 0)),
    }, { print: (line) => lines.push(line) });
    assertEquals(await bus.window!(bytes(0xe0, 0x37, 0, 0xee)), bytes(0, 0, 0, 0));
    assert(lines[0]!.endsWith("> GET_FW_VERSION"), lines[0]);
    assertEquals(traceBus({ ...bus, window: undefined! }).window, undefined);
  });
});

describe("windowInWords()", () => {
  it("tells a refusal, a failed connection, a step that is missing, and what nobody knows", () => {
    const zeros = new Uint8Array(4);
    for (
      const [sent, came, text] of [
        [zeros, bytes(0xef, 0, 0xee, 0), "< refused (EF 00 EE)"],
        [zeros, bytes(0xe0, 0xad, 0, 0xee), "< START_CLIENT_TCP: no parameters"],
        [
          zeros,
          bytes(0xff, 0xff, 0xff, 0xff),
          "? no frame: 00 00 00 00 was sent, FF FF FF FF came; host and module may be a step apart",
        ],
        [zeros, bytes(0xe0, 0xa0, 1, 1), "< GET_CONN_STATUS: garbled, E0 A0 01 01"],
        [bytes(0xe0, 0x70, 1, 1, 1, 0xee, 0, 0), zeros, "> command 70 01"],
        [bytes(0xe0, 0x41, 1, 200, ...new Uint8Array(1000), 0xee), zeros, "> SET_CERT_KEY (1000 bytes)"],
      ] as const
    ) assertEquals(windowInWords(sent, came), text);
  });
});
