/**
 * A call on one side, a script on the other; and a list of what reached the callbacks.
 */
import type { MQTT } from "@minimqtt/client";
import type { Stage } from "./stage.ts";

/** Runs a call while the broker expects packets and answers them, pair by pair, in hex. */
export async function exchange<T>(
  { broker, clock }: Pick<Stage, "broker" | "clock">,
  call: Promise<T>,
  ...pairs: readonly (readonly [expected: string, answer: string])[]
): Promise<T> {
  const script = async () => {
    for (const [expected, answer] of pairs) {
      await broker.expect(expected);
      if (answer !== "") await broker.send(answer);
    }
  };
  const [result] = await Promise.all([clock.run(call), script()]);
  return result;
}

/** Sets every callback, and gives the list on which they write themselves down. */
export function recorded(client: MQTT): string[] {
  const seen: string[] = [];
  client.onConnect = (_client, userData, flags, rc) => seen.push(`connect ${userData} ${flags} ${rc}`);
  client.onDisconnect = (_client, userData, rc) => seen.push(`disconnect ${userData} ${rc}`);
  client.onSubscribe = (_client, userData, topic, qos) => seen.push(`subscribe ${userData} ${topic} ${qos}`);
  client.onUnsubscribe = (_client, userData, topic, pid) =>
    seen.push(`unsubscribe ${userData} ${topic} ${pid}`);
  client.onPublish = (_client, userData, topic, pid) => seen.push(`publish ${userData} ${topic} ${pid}`);
  client.onMessage = (_client, topic, message) => seen.push(`message ${topic} ${message}`);
  return seen;
}
