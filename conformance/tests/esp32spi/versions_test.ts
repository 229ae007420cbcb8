import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { esp32spiFixture } from "../../src/fixtures/esp32spi.ts";
import { clientCases, register, scenarios } from "../../src/mod.ts";
import type { Step } from "../../src/mod.ts";

// What the versions do differently is in sockets, so a client over each of them is what may break.
for (const firmware of ["1.7.7", "2.0.0", "3.1.0"]) {
  const fixture = esp32spiFixture({ firmware });
  // Before 2.0.0 the firmware does not notice that the peer has closed a connection: trap 13.
  const told = firmware === "1.7.7" ? scenarios.filter((one) => !one.steps.some(isEnd)) : scenarios;
  describe(`scenarios on MQTT over esp32spi with firmware ${firmware}`, () => {
    register(it, clientCases(told, fixture, `esp32spi ${firmware}`));
    it("keep the protocol of the co-processor", () => assertEquals(fixture.module.violations.list, []));
  });
}

function isEnd({ step }: Step): boolean {
  return step === "drop";
}
