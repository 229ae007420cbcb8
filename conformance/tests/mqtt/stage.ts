/**
 * What the behaviour tests share: an `MQTT` on a network in memory, a scripted broker at the other end, and a clock
 * that stands still.
 */
import { MQTT, type MQTTOptions } from "@minimqtt/client";
import { memory, type MemoryNetwork, type MemoryOptions } from "@minimqtt/client/memory";
import { FakeClock } from "../../src/player/fake_clock.ts";
import { ScriptedBroker } from "../../src/peers/scripted_broker.ts";

export interface Stage<B extends boolean = false> {
  readonly client: MQTT<unknown, B>;
  readonly broker: ScriptedBroker;
  readonly clock: FakeClock;
  readonly network: MemoryNetwork;
}

/** A client with the identifier `golden`, not connected. */
export function stage<B extends boolean = false>(
  options: Partial<MQTTOptions<unknown, B>> = {},
  networkOptions: MemoryOptions = {},
): Stage<B> {
  const clock = new FakeClock();
  const network = memory(networkOptions);
  const broker = new ScriptedBroker(() => network.accept());
  const client = new MQTT<unknown, B>({
    broker: "broker.test",
    clientId: "golden",
    transport: network.transport,
    clock,
    random: () => 0,
    ...options,
  });
  return { client, broker, clock, network };
}

/** The same, connected. */
export async function online<B extends boolean = false>(
  options: Partial<MQTTOptions<unknown, B>> = {},
  networkOptions: MemoryOptions = {},
): Promise<Stage<B>> {
  const scene = stage(options, networkOptions);
  await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
  return scene;
}
