import { repository } from "./programs.ts";

/** The program of the walkthrough. */
export const PROGRAM: string = repository("apps/walkthrough/main.ts");

/** Its file of settings. */
export const SETTINGS: string = repository("apps/walkthrough/settings.toml");

/** The names of the environment that it always reads, as `--allow-env` takes them. */
export const NAMES = "MQTT_BROKER,MQTT_PORT,MQTT_USERNAME,MQTT_PASSWORD,MQTT_TOPIC,MQTT_CA,MQTT_RADIO";

/** What it prints, as the guide has it, from the connection to the broker on. */
export function walkthroughLines(broker: string): string[] {
  return [
    `Attempting to connect to ${broker}`,
    "Connected to MQTT Broker!",
    "Flags: 0",
    " RC: 0",
    "Subscribing to test/topic",
    "Subscribed to test/topic with QOS level 0",
    "Publishing to test/topic",
    "Published to test/topic with PID 1",
    "New message on topic test/topic: Hello Broker!",
    "Unsubscribing from test/topic",
    "Unsubscribed from test/topic with PID 2",
    `Disconnecting from ${broker}`,
    "Disconnected from MQTT Broker!",
  ];
}
