import { assertEquals } from "@std/assert";
import { afterAll, describe, it } from "@std/testing/bdd";
import { esp32spiFixture } from "../../src/fixtures/esp32spi.ts";
import { clientCases, register, scenarios, transportSuite } from "../../src/mod.ts";

const fixture = esp32spiFixture();
const behaviours = esp32spiFixture();

// Its sockets are real ones: those that a test has not closed are open as long as the module runs.
afterAll(() => {
  for (const { module } of [fixture, behaviours]) module.close();
});

describe("esp32spi keeps the transport contract", () => {
  transportSuite(it, fixture);

  it("and the protocol of the co-processor", () => assertEquals(fixture.module.violations.list, []));
});

describe("scenarios on MQTT over esp32spi", () => {
  register(it, clientCases(scenarios, behaviours));

  it("keep the protocol of the co-processor", () => assertEquals(behaviours.module.violations.list, []));
});
