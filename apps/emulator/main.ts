/**
 * The emulated co-processor as a program of its own: `npm run emulator -- --help`. A driver in another process or
 * language reaches it over a Unix or TCP socket; what travels there is described in
 * `@minimqtt/transport-esp32spi/remote`.
 *
 * The script in package.json says `exec`, so that a signal to npm reaches this program and not a shell in between.
 */
import { EspEmulator, type Network } from "@minimqtt/transport-esp32spi/emulator";
import { parsePlace, serveBus } from "@minimqtt/transport-esp32spi/remote";
import { Command, InvalidArgumentError } from "commander";
import { readFileSync } from "node:fs";
import process from "node:process";

const program = new Command("emulator")
  .description("Serves an emulated ESP32 with nina-fw, whose sockets are real ones of this machine.")
  .requiredOption("--listen <place>", "where: unix:PATH, tcp:PORT or tcp:HOST:PORT", checked(parsePlace))
  .option("--firmware <version>", "1.7.7, 3.1.0, 3.3.0 and others", "3.3.0")
  .option("--network <ssid[:passphrase]>", "a network in the air; may be repeated", checked(network), [])
  .option(
    "--ca <file>",
    "PEM certificates that TLS in the module trusts",
    checked((file) => readFileSync(file, "utf8")),
  )
  .option(
    "--round-trip <ms>",
    "the way to peers and back; the send window is free that late",
    checked(amount),
  )
  .option("--rate <bytes>", "bytes a second on the way to peers", checked(amount))
  .option("--json", "what is printed, as JSON lines: `ready`, then each `violation` with its `detail`")
  .parse();

const { listen, firmware, network: networks, ca, roundTrip, rate, json } = program.opts();

try {
  const path = {
    ...(roundTrip !== undefined && { roundTrip }),
    ...(rate !== undefined && { rate }),
  };
  const emulator = new EspEmulator({
    firmware,
    networks,
    ...(Object.keys(path).length > 0 && { path }),
    ...(ca !== undefined && { ca }),
  });
  emulator.violations.onViolation = ({ name, detail }) =>
    print(`violation: ${name}: ${detail}`, { violation: name, detail });
  const server = await serveBus(emulator, listen);
  print(`nina-fw ${firmware} is ready at ${server.address}`, { ready: server.address, firmware });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, async () => {
      emulator.close();
      await server.close();
      process.exit();
    });
  }
} catch (error) {
  program.error(`error: ${(error as Error).message}`);
}

/** A line for people, or for programs. */
function print(text: string, fields: Readonly<Record<string, string>>): void {
  console.log(json ? JSON.stringify(fields) : text);
}

/** Lets commander say what is wrong with an argument. */
function checked<Value>(
  parse: (text: string, previous: Value) => Value,
): (text: string, previous: Value) => Value {
  return (text, previous) => {
    try {
      return parse(text, previous);
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message);
    }
  };
}

/** What comes behind the first colon is the passphrase. */
function network(text: string, previous: readonly Network[]): readonly Network[] {
  const colon = text.indexOf(":");
  if (colon < 0) return [...previous, { ssid: text }];
  const [ssid, passphrase] = [text.slice(0, colon), text.slice(colon + 1)];
  if (ssid === "") throw new RangeError("expected SSID or SSID:PASSPHRASE");
  return [...previous, { ssid, passphrase }];
}

/** A number above 0. */
function amount(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) throw new RangeError(`expected a number above 0, got ${text}`);
  return value;
}
