/// <reference lib="dom" />
/**
 * The left side: how it went in one line, the grid of runtimes, transports and areas, and the inventory as a map.
 *
 * @module
 */

import type { Entry } from "../report.ts";
import { type Content, h, link } from "./dom.ts";
import { count, type Model, verdict } from "./model.ts";

/** Makes it. */
export function overview(model: Model): HTMLElement {
  return h("section.overview", {}, header(model), grid(model), ...maps(model), footer(model));
}

function header({ counts, runtimes, transports, report }: Model): HTMLElement {
  const whole = counts.passed + counts.failed + counts.skipped;
  const bar = (["passed", "failed", "skipped"] as const).filter((name) => counts[name] > 0).map((name) =>
    h(`i.${name}`, { style: `flex-grow: ${counts[name]}`, title: `${counts[name]} ${name}` })
  );
  const figure = (value: string, name: string, selector = "div.figure") =>
    h(selector, {}, h("b", {}, value), h("span", {}, name));
  const well = counts.failed === 0 && counts.passed > 0;
  return h(
    "header",
    {},
    h("h1", {}, "MiniMQTT ", h("span", {}, "conformance")),
    h(
      `p.verdict.${well ? "passed" : "failed"}`,
      {},
      well
        ? `All ${format(counts.passed)} cases that apply passed.`
        : `${format(counts.failed)} of ${format(whole)} cases failed.`,
    ),
    h("div.bar", { role: "img", "aria-label": `${counts.passed} passed, ${counts.failed} failed` }, ...bar),
    h(
      "div.figures",
      {},
      figure(format(counts.passed), "passed", "div.figure.passed"),
      figure(format(counts.failed), "failed", counts.failed > 0 ? "div.figure.failed" : "div.figure"),
      figure(format(counts.skipped), "skipped"),
      figure(`${runtimes.length}`, runtimes.length === 1 ? "runtime" : "runtimes"),
      figure(`${transports.filter((name) => name !== "engine").length}`, "transports"),
      figure(`${(report.milliseconds / 1000).toFixed(0)} s`, "in all"),
    ),
  );
}

function grid(model: Model): HTMLElement {
  const { runtimes, transports, areas, cells } = model;
  const blocks = runtimes.map((runtime) => ({
    ...runtime,
    columns: transports.filter((transport) =>
      areas.some((area) => cells.has(`${runtime.name}/${transport}/${area}`))
    ),
  }));
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", {}),
      ...blocks.map(({ name, version, columns }) =>
        h(
          "th.runtime",
          { colspan: `${columns.length}`, scope: "colgroup" },
          h("b", {}, name),
          // A browser's version is longer than all of its name.
          h("span", { title: version }, version.split(".").slice(0, 2).join(".")),
        )
      ),
    ),
    h(
      "tr",
      {},
      h("th", {}),
      ...blocks.flatMap(({ columns }) =>
        columns.map((transport, index) =>
          h(`th.transport${index === 0 ? ".first" : ""}`, { scope: "col" }, h("span", {}, transport))
        )
      ),
    ),
  );
  const rows = areas.map((area) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, areaName(area)),
      ...blocks.flatMap(({ name, columns }) =>
        columns.map((transport, index) => cell(model, name, transport, area, index === 0))
      ),
    )
  );
  return h("div.grid", {}, h("table", {}, head, h("tbody", {}, ...rows)));
}

function cell(
  { cells }: Model,
  runtime: string,
  transport: string,
  area: string,
  first: boolean,
): HTMLElement {
  const place = `${runtime}/${transport}/${area}`;
  const counts = count(cells.get(place) ?? []);
  const kind = verdict(counts);
  const inside = kind === "none" ? h("span.none", {}) : link(
    `in/${place}`,
    `a.cell.${kind}`,
    `${area} on ${runtime} over ${transport}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`,
    `${counts.failed > 0 ? counts.failed : counts.passed || counts.skipped}`,
  );
  return h(`td${first ? ".first" : ""}`, {}, inside);
}

function maps(model: Model): HTMLElement[] {
  const kinds: readonly (readonly [kind: Entry["kind"], title: string, words: string])[] = [
    ["behaviour", "Behaviours of MiniMQTT", "one square each, in the order of their numbers"],
    ["statement", "Statements of MQTT 3.1.1", "those that a client can show"],
    ["rule", "Rules of the transport contract", ""],
  ];
  return kinds.map(([kind, title, words]) => {
    const entries = model.report.inventory.filter((entry) => entry.kind === kind);
    const meant = entries.filter(({ verdicts }) => verdicts?.length !== 0);
    const shown = meant.filter((entry) => entryKind(model, entry) !== "gap").length;
    return h(
      "section.map",
      {},
      h("h2", {}, title, h("span", {}, `${shown} of ${meant.length} shown${words ? `; ${words}` : ""}`)),
      h(
        `div.squares.${kind}`,
        {},
        ...entries.map((entry) =>
          link(
            `about/${entry.id}`,
            `a.square.${entryKind(model, entry)}`,
            `${entry.id}: ${entry.summary}`,
            kind === "rule" ? entry.id.slice("rule ".length) : "",
          )
        ),
      ),
    );
  });
}

/** How an entry fares: by its cases, by other tests, as a gap, or with no meaning here. */
function entryKind({ byCover }: Model, { id, verdicts, tests }: Entry): string {
  if (verdicts?.length === 0) return "meaningless";
  const kind = verdict(count(byCover.get(id) ?? []));
  if (kind !== "none") return kind === "partly" ? "passed" : kind;
  return tests.length > 0 ? "elsewhere" : "gap";
}

function footer({ report }: Model): HTMLElement {
  const key: readonly (readonly [string, string])[] = [
    ["passed", "passed"],
    ["partly", "passed, some do not apply"],
    ["failed", "failed"],
    ["skipped", "does not apply"],
    ["elsewhere", "shown by tests of npm test"],
    ["gap", "a gap"],
    ["meaningless", "no meaning here"],
  ];
  const items: Content[] = key.map(([kind, text]) => h("li", {}, h(`i.square.${kind}`), text));
  return h(
    "footer",
    {},
    h("ul", {}, ...items),
    h("p", {}, `Made ${report.made.slice(0, 16).replace("T", " ")} UTC by npm run conformance.`),
  );
}

function areaName(area: string): Content {
  const [, number, name] = /^(\d+) (.*)$/.exec(area) ?? [];
  return number === undefined ? area : [h("small", {}, number), ` ${name}`];
}

function format(value: number): string {
  return value.toLocaleString("en");
}
