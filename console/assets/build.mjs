// Copies what the console vendors from node_modules into console/static/vendor, builds the icon sprite and
// the map of Europe, and records name, version, license and SHA-384 of every file. Output is deterministic.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { europe } from "./europe.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const vendor = join(here, "..", "static", "vendor");
const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

// Package -> files taken from it (source inside the package: name it gets here).
const COPIES = {
  "htmx.org": {
    "dist/htmx.min.js": "htmx.min.js",
    "dist/ext/hx-sse.min.js": "hx-sse.min.js",
    "LICENSE": "LICENSE.txt",
  },
  "@fontsource-variable/inter": {
    "files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
    "LICENSE": "LICENSE.txt",
  },
  "@fontsource-variable/jetbrains-mono": {
    "files/jetbrains-mono-latin-wght-normal.woff2": "jetbrains-mono-latin.woff2",
    "files/jetbrains-mono-latin-ext-wght-normal.woff2": "jetbrains-mono-latin-ext.woff2",
    "LICENSE": "LICENSE.txt",
  },
  "@tabler/icons": { "LICENSE": "LICENSE.txt" },
  "world-atlas": { "LICENSE": "LICENSE.txt" },
};

// Families of fonts.css: subset -> the code points the browser fetches it for (ranges of the fontsource subsets).
const FONTS = { "@fontsource-variable/inter": "Inter", "@fontsource-variable/jetbrains-mono": "JetBrains Mono" };
const RANGES = {
  "latin": "U+0000-00FF,U+0131,U+0152-0153,U+02BB-02BC,U+02C6,U+02DA,U+02DC,U+0304,U+0308,U+0329,U+2000-206F,U+20AC," +
    "U+2122,U+2191,U+2193,U+2212,U+2215,U+FEFF,U+FFFD",
  "latin-ext": "U+0100-02BA,U+02BD-02C5,U+02C7-02CC,U+02CE-02D7,U+02DD-02FF,U+1D00-1DBF,U+1E00-1E9F,U+1EF2-1EFF," +
    "U+2020,U+20A0-20AB,U+20AD-20C0,U+2113,U+2C60-2C7F,U+A720-A7FF",
};

const packageJson = (name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8"));

/** Folder name of a package: its last word and its exact version, so a URL never changes its content. */
function folderOf(name) {
  const installed = packageJson(name).version;
  const wanted = manifest.dependencies[name];
  if (installed !== wanted) throw new Error(`${name}: ${installed} is installed, package.json wants ${wanted}; run npm ci`);
  return `${name.split("/").pop().replace(/\.org$/, "")}@${installed}`;
}

/** One <symbol> per icon named in icons.txt, drawn with the current text color. */
function sprite() {
  const names = readFileSync(join(here, "icons.txt"), "utf8").split("\n").filter(Boolean);
  const symbols = names.map((name) => {
    const svg = readFileSync(join(modules, "@tabler/icons/icons/outline", `${name}.svg`), "utf8");
    const shapes = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "");
    const drawn = shapes.replace(/<path stroke="none" d="M0 0h24v24H0z"[^>]*\/>/, "").replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24">${drawn}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
}

/** @font-face rules for each vendored subset, beside the files they name. */
function fontFaces() {
  return Object.entries(FONTS).flatMap(([name, family]) => Object.entries(RANGES).map(([subset, range]) => {
    const file = `${folderOf(name)}/${name.split("/").pop()}-${subset}.woff2`;
    return `@font-face{font-family:"${family}";font-style:normal;font-display:swap;font-weight:100 900;` +
      `src:url(${file}) format("woff2");unicode-range:${range}}`;
  })).join("\n") + "\n";
}

function write(folder, name, content) {
  mkdirSync(join(vendor, folder), { recursive: true });
  writeFileSync(join(vendor, folder, name), content);
}

rmSync(vendor, { recursive: true, force: true });
for (const [name, files] of Object.entries(COPIES)) {
  const folder = folderOf(name);
  mkdirSync(join(vendor, folder), { recursive: true });
  for (const [from, to] of Object.entries(files)) cpSync(join(modules, name, from), join(vendor, folder, to));
}
write(folderOf("@tabler/icons"), "sprite.svg", sprite());
const map = europe(join(modules, "world-atlas/countries-50m.json"));
write(folderOf("world-atlas"), "europe.svg", map.svg);
write(folderOf("world-atlas"), "projection.json", JSON.stringify(map.projection, null, 1) + "\n");

writeFileSync(join(vendor, "fonts.css"), fontFaces());

const axe = join(here, "test-only", `axe-core@${packageJson("axe-core").version}`);
rmSync(join(here, "test-only"), { recursive: true, force: true });
mkdirSync(axe, { recursive: true });
for (const file of ["axe.min.js", "LICENSE"]) cpSync(join(modules, "axe-core", file), join(axe, file));

const packages = Object.keys(COPIES).map((name) => {
  const folder = folderOf(name);
  const files = readdirSync(join(vendor, folder)).sort().map((file) => {
    const bytes = readFileSync(join(vendor, folder, file));
    const path = relative(vendor, join(vendor, folder, file));
    return { path, bytes: bytes.length, integrity: "sha384-" + createHash("sha384").update(bytes).digest("base64") };
  });
  return { name, version: packageJson(name).version, license: packageJson(name).license, files };
});
writeFileSync(join(vendor, "..", "vendor.lock.json"), JSON.stringify({ packages }, null, 1) + "\n");
const total = packages.flatMap((p) => p.files).reduce((sum, file) => sum + file.bytes, 0);
console.log(`${packages.length} packages, ${(total / 1024).toFixed(0)} KiB in console/static/vendor`);
