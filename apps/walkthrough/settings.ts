/**
 * Settings as on a CircuitPython board: a settings.toml beside the program, and the environment, which wins.
 *
 * | setting   | environment     | settings.toml                                           | default      |
 * | --------- | --------------- | ------------------------------------------------------- | ------------ |
 * | broker    | `MQTT_BROKER`   | `MQTT_BROKER`, `broker`                                 | `localhost`  |
 * | port      | `MQTT_PORT`     | `MQTT_PORT`, `broker_port`, `port`                      | 1883         |
 * | user name | `MQTT_USERNAME` | `MQTT_USERNAME`, `username`, `ADAFRUIT_AIO_USERNAME`    | none         |
 * | password  | `MQTT_PASSWORD` | `MQTT_PASSWORD`, `password`, `ADAFRUIT_AIO_KEY`         | none         |
 * | topic     | `MQTT_TOPIC`    | `MQTT_TOPIC`, `topic`                                   | `test/topic` |
 * | authority | `MQTT_CA`       | `MQTT_CA`                                               | the runtime |
 * | radio     | `MQTT_RADIO`    | `MQTT_RADIO`                                            | none         |
 *
 * The broker may be a URL. The authority is the file of the certificate that is trusted with `mqtts:`. The radio is a
 * co-processor that is served: `tcp:PORT` or `unix:PATH`. With it the network is named as on such a board, by
 * `CIRCUITPY_WIFI_SSID` and `CIRCUITPY_WIFI_PASSWORD`.
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { parse } from "smol-toml";

/** What the walkthrough needs to know. */
export interface Settings {
  readonly broker: string;
  readonly port: number | null;
  readonly username: string | null;
  readonly password: string | null;
  readonly topic: string;
  readonly ca: string | null;
  readonly radio: { readonly place: string; readonly ssid: string; readonly password: string | null } | null;
}

/** Reads them; a settings.toml that is not there is no fault, one that is no TOML is. */
export function readSettings(file: URL = new URL("settings.toml", import.meta.url)): Settings {
  const toml = readToml(file);
  const get = (name: string, ...others: string[]): string | null => {
    const fromEnvironment = process.env[name];
    if (fromEnvironment) return fromEnvironment;
    for (const key of [name, ...others]) {
      const value = toml[key];
      if (value !== undefined && value !== "") return String(value);
    }
    return null;
  };
  const port = get("MQTT_PORT", "broker_port", "port");
  if (port !== null && !/^\d{1,5}$/.test(port)) throw new Error(`MQTT_PORT must be a number, not ${port}`);
  return {
    broker: get("MQTT_BROKER", "broker") ?? "localhost",
    port: port === null ? null : Number(port),
    username: get("MQTT_USERNAME", "username", "ADAFRUIT_AIO_USERNAME"),
    password: get("MQTT_PASSWORD", "password", "ADAFRUIT_AIO_KEY"),
    topic: get("MQTT_TOPIC", "topic") ?? "test/topic",
    ca: get("MQTT_CA"),
    radio: readRadio(get),
  };
}

function readRadio(get: (name: string) => string | null): Settings["radio"] {
  const place = get("MQTT_RADIO");
  if (place === null) return null;
  const ssid = get("CIRCUITPY_WIFI_SSID");
  if (ssid === null) throw new Error("MQTT_RADIO is set: CIRCUITPY_WIFI_SSID must name its network");
  return { place, ssid, password: get("CIRCUITPY_WIFI_PASSWORD") };
}

function readToml(file: URL): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return {};
    throw error;
  }
  return parse(text);
}
