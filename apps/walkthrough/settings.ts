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
  };
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
