/**
 * The engine, and what both versions share, name statements of MQTT 3.1.1. Most are in MQTT 5 as well, by the same
 * numbers or by others.
 *
 * @module
 */

/** Those with other numbers. */
const STATEMENTS: Readonly<Record<string, string>> = {
  "MQTT-1.5.3-1": "MQTT5-1.5.4-1",
  "MQTT-1.5.3-2": "MQTT5-1.5.4-2",
  "MQTT-2.2.2-2": "MQTT5-2.1.3-1",
  "MQTT-2.3.1-1": "MQTT5-2.2.1-4",
  "MQTT-3.2.2-1": "MQTT5-3.2.2-2",
  "MQTT-3.8.4-5": "MQTT5-3.8.4-6",
  "MQTT-4.3.2-2": "MQTT5-4.3.2-4",
  "MQTT-4.3.3-2": "MQTT5-4.3.3-8",
  "MQTT-4.8.0-1": "MQTT5 section 2.1.2",
  "MQTT-4.8.0-2": "MQTT5-3.1.2-24",
  "section 3.2": "MQTT5 section 3.2",
  "section 2.2.3": "MQTT5-1.5.5-1",
};

/** A statement by its number in MQTT 5. */
export function inMqtt5(statement: string): string {
  return STATEMENTS[statement] ?? statement.replace("MQTT-", "MQTT5-");
}
