/// <reference lib="dom" />
/**
 * What the report's page does: shows an overview, and one thing in detail beside it, which the address names behind `#`.
 *
 * @module
 */

import type { MatrixReport } from "../report.ts";
import { detail } from "./detail.ts";
import { overview } from "./overview.ts";
import { model } from "./model.ts";

const report = JSON.parse(document.getElementById("report")!.textContent!) as MatrixReport;
const app = document.getElementById("app")!;
const all = model(report);

const side = document.createElement("aside");
app.append(overview(all), side);

function show(): void {
  const place = decodeURIComponent(location.hash.slice(1));
  side.replaceChildren(detail(all, place));
  side.scrollTop = 0;
  app.classList.toggle("open", place !== "");
  for (const link of document.querySelectorAll<HTMLAnchorElement>("a[href^='#']")) {
    link.classList.toggle("current", link.getAttribute("href") === location.hash && place !== "");
  }
}

addEventListener("hashchange", show);
addEventListener("keydown", ({ key }) => {
  if (key === "Escape") location.hash = "";
});
show();
