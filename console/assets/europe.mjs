// The land of Europe as one SVG path in a fixed conic projection, small enough to ship with every page.
import { readFileSync } from "node:fs";
import { geoConicConformal, geoPath } from "d3-geo";
import { feature } from "topojson-client";

const WIDTH = 560;
const HEIGHT = 292;
const KEEP = new Set([
  "Germany", "Netherlands", "Belgium", "France", "Spain", "Portugal", "Italy", "Switzerland", "Austria", "Poland",
  "Czechia", "Slovakia", "Hungary", "Denmark", "Sweden", "Norway", "Finland", "United Kingdom", "Ireland", "Lithuania",
  "Latvia", "Estonia", "Luxembourg", "Slovenia", "Croatia", "Bosnia and Herz.", "Serbia", "Romania", "Bulgaria",
  "Montenegro", "Albania", "Macedonia", "Greece", "Kosovo", "Liechtenstein", "Belarus", "Moldova", "Ukraine", "Russia",
  "Turkey", "Tunisia", "Algeria", "Morocco",
]);
// Projection: Lambert conic, two standard parallels; Python repeats these formulas in console/web/geo.py.
const MERIDIAN = 10;
const PARALLELS = [43, 60];
const CENTER = [0, 50.6];
const SCALE = 880;
// Names and (longitude, latitude) that let a test compare the two implementations.
const CHECKS = { hamburg: [9.99, 53.55], lyon: [4.84, 45.76], malmo: [13.0, 55.6], poznan: [16.93, 52.41] };

/** Drops points closer than `step` pixels to the last one kept; rings that collapse are left out. */
function thin(d, step) {
  return d.split("M").filter(Boolean).map((ring) => {
    const points = ring.replace("Z", "").split("L").map((pair) => pair.split(",").map(Number));
    const kept = [points[0]];
    for (const point of points.slice(1)) {
      const [x, y] = kept[kept.length - 1];
      if (Math.hypot(point[0] - x, point[1] - y) >= step) kept.push(point);
    }
    return kept.length < 4 ? "" : "M" + kept.map(([x, y]) => `${+x.toFixed(1)} ${+y.toFixed(1)}`).join("L") + "Z";
  }).join("");
}

export function europe(file) {
  const world = JSON.parse(readFileSync(file, "utf8"));
  const project = geoConicConformal()
    .rotate([-MERIDIAN, 0]).center(CENTER).parallels(PARALLELS).scale(SCALE)
    .translate([WIDTH / 2, HEIGHT / 2]).clipExtent([[-2, -2], [WIDTH + 2, HEIGHT + 2]]);
  const draw = geoPath(project);
  const countries = feature(world, world.objects.countries).features.filter((f) => KEEP.has(f.properties.name));
  const d = countries.map((country) => thin(draw(country) ?? "", 1.5)).join("");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg"><symbol id="land" viewBox="0 0 ${WIDTH} ${HEIGHT}">` +
    `<path d="${d}"/></symbol></svg>\n`;
  const checks = Object.fromEntries(Object.entries(CHECKS).map(([name, at]) =>
    [name, { at, xy: project(at).map((v) => +v.toFixed(3)) }]));
  const projection = { kind: "lambert-conformal-conic", width: WIDTH, height: HEIGHT, meridian: MERIDIAN,
    parallels: PARALLELS, center: CENTER, scale: SCALE, checks };
  return { svg, projection };
}
