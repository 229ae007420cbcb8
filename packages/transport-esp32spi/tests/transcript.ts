/**
 * A player of transcripts: what a host sends to the module, window by window, and what the module must answer, byte for
 * byte. A transcript is a text of cases:
 *
 * ```text
 * # the title of a case
 * > E0 37 00 EE          a command, as the bytes after padding with zeros to a multiple of four
 * >= E0 37 00            a window of exactly these bytes
 * < E0 B7 01 ...         the reply: as many bytes are read as are written here; `...` stands for "and more"
 * <~ E0 AB 01 ...        the same, but the command is repeated until it is answered so
 * < nothing              no reply: the module waits for the next command
 * @ peer sends "abc"     what happens outside: see `actions`
 * ```
 *
 * Each case begins with a module of its own, which has joined its network. 10.0.0.9 is a machine with a TCP peer at port
 * 1883, one that never acknowledges at 1884, nobody at 1, silence at 2, and a UDP peer at 53. Time is virtual.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createSocket } from "node:dgram";
import type { Socket as UdpSocket } from "node:dgram";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { EspEmulator } from "../src/emulator/mod.ts";
import { freePort, until } from "./peer.ts";
import { dump, exchange, hex, join, padded } from "./raw_host.ts";
import { streamPair } from "./stream_pair.ts";
import { VirtualClock } from "./virtual_clock.ts";

/** One case. */
export interface Case {
  readonly title: string;
  readonly lines: readonly string[];
}

/** The cases of a text. */
export function parseTranscript(text: string): Case[] {
  return text.split(/^# /m).slice(1).map((part) => {
    const [title = "", ...lines] = part.split("\n").map((line) => line.trim());
    return { title, lines: lines.filter((line) => line !== "" && !line.startsWith("//")) };
  });
}

/** Plays a case, and rejects where the module does something else. */
export async function play({ lines }: Case, firmware: string): Promise<void> {
  const stage = await Stage.make(firmware);
  try {
    for (const line of lines) {
      try {
        await stage.play(line);
      } catch (error) {
        (error as Error).message = `${line}: ${(error as Error).message}`;
        throw error;
      }
    }
  } finally {
    await stage.close();
  }
}

/** The module, and all around it. */
class Stage {
  readonly #clock = new VirtualClock();
  readonly #esp: EspEmulator;
  readonly #peers: Duplex[] = [];
  readonly #received: string[] = [];
  readonly #ports = new Map<number, number>();
  readonly #udp: UdpSocket;
  readonly #datagrams: string[] = [];
  readonly #visitors = new Map<string, Socket>();
  #udpFrom = 0;
  #command: Uint8Array = new Uint8Array();
  #sentAt = 0;

  private constructor(firmware: string, udp: UdpSocket) {
    this.#udp = udp;
    udp.on("message", (bytes, { port }) => {
      this.#udpFrom = port;
      this.#datagrams.push(new TextDecoder().decode(bytes));
    });
    this.#esp = new EspEmulator({
      firmware,
      clock: this.#clock,
      networks: [{ ssid: "home", passphrase: "secret12" }, { ssid: "other", rssi: -80 }],
      hosts: { "broker": "10.0.0.9" },
      route: (address, port) => this.#route(address, port),
      listenAt: (port) => ({ host: "127.0.0.1", port: this.#ports.get(port) ?? 0 }),
    });
  }

  static async make(firmware: string): Promise<Stage> {
    const udp = createSocket("udp4");
    await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
    const stage = new Stage(firmware, udp);
    // Ports that the module listens at, and where they really are.
    for (const port of [80, 81, 5353]) stage.#ports.set(port, await freePort());
    await join(stage.#esp);
    stage.#esp.violations.clear();
    return stage;
  }

  async play(line: string): Promise<void> {
    const [, kind, rest = ""] = /^(>=?|<~?|@)\s*(.*)$/.exec(line) ?? [];
    if (kind === ">") await this.#send(padded(hex(rest)));
    else if (kind === ">=") await this.#send(hex(rest));
    else if (kind === "<") await this.#expect(rest);
    else if (kind === "<~") await this.#await(rest);
    else if (kind === "@") await this.#act(rest);
    else throw new Error("no such line");
  }

  async close(): Promise<void> {
    for (const visitor of this.#visitors.values()) visitor.destroy();
    this.#esp.close();
    await new Promise<void>((resolve) => this.#udp.close(() => resolve()));
  }

  async #send(bytes: Uint8Array): Promise<void> {
    this.#sentAt = this.#clock.now();
    this.#command = bytes;
    await this.#window(bytes);
  }

  /** One window. READY is waited for in real time: datagrams take theirs. */
  async #window(bytes: Uint8Array): Promise<Uint8Array> {
    if (this.#esp.ready) await until(() => !this.#esp.ready);
    return await exchange(this.#esp, bytes);
  }

  async #expect(text: string): Promise<void> {
    if (text === "nothing") return assertEquals(this.#esp.phase, "command");
    const expected = hex(text);
    assertEquals(dump(await this.#window(new Uint8Array(expected.length))), dump(expected));
  }

  async #await(text: string): Promise<void> {
    const expected = hex(text);
    let came = await this.#window(new Uint8Array(expected.length));
    await until(async () => {
      if (dump(came) === dump(expected)) return true;
      await this.#send(this.#command);
      came = await this.#window(new Uint8Array(expected.length));
      return false;
    }).catch(() => assertEquals(dump(came), dump(expected)));
  }

  async #act(text: string): Promise<void> {
    const [who = "", what = ""] = text.split(" ");
    const texts = [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");
    const number = Number(/\d+/.exec(text.replaceAll(/"[^"]*"/g, ""))?.[0]);
    const esp = this.#esp;
    switch (`${who} ${what}`) {
      case "peer sends":
        return void this.#peers.at(-1)!.write(texts[0]);
      case "peer ends":
        return void this.#peers.at(-1)!.end();
      case "peer received":
        return await until(() => this.#received.at(-1) === texts[0]).catch(() =>
          assertEquals(this.#received.at(-1), texts[0])
        );
      case "connections open":
        return await until(() =>
          this.#peers.filter(({ readableEnded, destroyed }) => !readableEnded && !destroyed)
            .length === number
        );
      case "datagrams received":
        await until(() => this.#datagrams.length >= texts.length);
        return assertEquals(this.#datagrams, texts);
      case "datagrams none":
        await new Promise((resolve) => setTimeout(resolve, 20));
        return assertEquals(this.#datagrams, []);
      case "datagrams wait":
        // They arrive within a turn or two of the event loop.
        return await new Promise<void>((resolve) => setTimeout(resolve, 20));
      case "datagram comes":
        return void this.#udp.send(texts[0]!, this.#ports.get(number) ?? this.#udpFrom, "127.0.0.1");
      case "visitor connects":
        return await this.#visit(`${texts[0]}`, number);
      case "visitor refused":
        return assertEquals(await this.#isRefused(number), true);
      case "visitor sends":
        return void this.#visitors.get(texts[0]!)!.write(texts[1]!);
      case "visitor closes":
        return void this.#visitors.get(texts[0]!)!.destroy();
      case "visitor ended":
        return await until(() =>
          this.#visitors.get(texts[0]!)!.readableEnded || this.#visitors.get(texts[0]!)!.destroyed
        );
      case "took about": {
        const time = this.#clock.now() - this.#sentAt;
        return assert(time >= number && time < number + 500, `it took ${time} ms`);
      }
      case "violations are":
        return assertEquals(esp.violations.names.join(" "), texts[0]);
      case "sockets used":
        return assertEquals(esp.socketsInUse.join(" "), texts[0]);
      case "host connects":
        for (const slot of text.match(/\d+/g)!) {
          await this.#send(hex(`E0 2D 04 04 0A 00 00 09 02 07 5B 01 0${slot} 01 00 EE`));
          await this.#expect("E0 AD 01 01 01 EE");
        }
        return;
      case "host fills":
        for (let count = 0; count < 2; count++) {
          await this.#send(hex(`E0 44 02 00 01 0${number} 0F F3 ${"61 ".repeat(4083)} EE`));
          await this.#window(new Uint8Array(8));
        }
        return;
      case "module restarted":
        return assertEquals(esp.restarts.length, 1);
      case "wifi drops":
        return esp.dropWifi();
      default:
        throw new Error(`nobody can ${text}`);
    }
  }

  #route(address: string, port: number): Duplex | { host: string; port: number } | "refuse" | "silence" {
    if (address === "127.0.0.1") return { host: address, port };
    if (address !== "10.0.0.9" || port === 2) return "silence";
    if (port === 53) return { host: "127.0.0.1", port: this.#udp.address().port };
    if (port === 1884) return new Duplex({ read: () => undefined, write: () => undefined });
    if (port !== 1883) return "refuse";
    const [near, far] = streamPair();
    const index = this.#peers.push(far) - 1;
    this.#received.push("");
    far.on("data", (bytes) => this.#received[index] += new TextDecoder().decode(bytes));
    return near;
  }

  async #visit(name: string, port: number): Promise<void> {
    const socket = connect(this.#ports.get(port)!, "127.0.0.1");
    this.#visitors.set(name, socket);
    socket.on("error", () => undefined).resume();
    await new Promise<void>((resolve) => socket.once("connect", resolve));
    // The module's side of it takes a turn of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }

  #isRefused(port: number): Promise<boolean> {
    const socket = connect(this.#ports.get(port)!, "127.0.0.1");
    return new Promise((resolve) => {
      socket.once("error", () => resolve(true)).once("connect", () => resolve(false));
    }).then((refused) => (socket.destroy(), refused as boolean));
  }
}
