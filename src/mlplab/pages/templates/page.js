// Code for all pages: the button for the theme, the navigation, sortable tables, packed numbers, sprites.

const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

/** Create an element with attributes and children. Strings become text, never HTML. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Copy text to the clipboard. */
async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // browsers may forbid this to a page opened from disk
    const focused = document.activeElement;
    const area = element("textarea", { class: "unseen" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    focused?.focus();
  }
}

/** Parse the object in <script type="application/json" id="…">. */
const json = (id) => JSON.parse($(`#${id}`).textContent);

/** Decode base64 of little-endian numbers (`packed` in rendering.py) to a typed array, as in unpack(text, Float32Array). */
function unpack(text, Kind) {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let place = 0; place < bytes.length; place++) bytes[place] = characters.charCodeAt(place);
  return new Kind(bytes.buffer);
}

/** Format a fraction in per cent. */
const percent = (fraction, digits = 1) => `${(100 * fraction).toFixed(digits)}\u00a0%`;
const whole = (count) => count.toLocaleString("en");

/** Format a probability in few digits, without rounding to 0 % or 100 %. */
function chance(p) {
  if (p > 0.995 && p < 1) return ">\u00a099\u00a0%";
  if (p < 0.005 && p > 0) return "<\u00a01\u00a0%";
  return percent(p, 0);
}

/** Images of one size on a few sheets (sprites.py). A sheet is decoded when one of its images is first drawn. */
class Sprites {
  constructor({ sheets, ...layout }) {
    Object.assign(this, layout);
    this.sources = sheets;
    this.sheets = [];
  }

  sheet(number) {
    this.sheets[number] ??= (async () => {
      const image = new Image();
      image.src = this.sources[number];
      await image.decode();
      return createImageBitmap(image);
    })();
    return this.sheets[number];
  }

  /** Draw image `position` on a canvas and give the canvas its size in pixels. CSS sets the size on the page. */
  async draw(canvas, position) {
    canvas.width = this.width;
    canvas.height = this.height;
    canvas.dataset.position = position;
    const sheet = await this.sheet(Math.floor(position / this.per_sheet));
    if (canvas.dataset.position !== String(position)) return; // the canvas shows another image now
    const place = position % this.per_sheet;
    const x = (place % this.columns) * this.cell_width + this.left;
    const y = Math.floor(place / this.columns) * this.cell_height + this.top;
    canvas.getContext("2d").drawImage(sheet, x, y, this.width, this.height, 0, 0, this.width, this.height);
  }

  /** Create a canvas with image `position`, `shown` CSS pixels on its longer side. */
  canvas(position, shown, label) {
    const scale = shown / Math.max(this.width, this.height);
    const canvas = element("canvas", { class: "sprite", ...(label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" }) });
    canvas.style.width = `${Math.round(this.width * scale)}px`;
    canvas.style.height = `${Math.round(this.height * scale)}px`;
    this.draw(canvas, position);
    return canvas;
  }
}

function themeButton() {
  const root = document.documentElement;
  const names = { auto: "Auto", light: "Light", dark: "Dark" };
  const show = () => {
    $("#theme-name").textContent = names[root.dataset.theme] ?? "Auto";
    $("#theme").setAttribute("aria-label", `Colours: ${names[root.dataset.theme] ?? "Auto"}`);
  };
  $("#theme").addEventListener("click", () => {
    const order = Object.keys(names);
    root.dataset.theme = order[(order.indexOf(root.dataset.theme) + 1) % order.length];
    try { localStorage.setItem("mlplab-theme", root.dataset.theme); } catch { /* no storage: the choice lasts for this visit */ }
    show();
    document.dispatchEvent(new Event("themechange"));
  });
  root.dataset.theme ??= "auto";
  show();
  for (const query of ["(prefers-color-scheme: dark)", "print"]) {
    matchMedia(query).addEventListener("change", () => document.dispatchEvent(new Event("themechange")));
  }
}

/** Mark the visible section in the navigation. */
function markSection() {
  const links = new Map($$(".bar nav a").map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      links.forEach((link, id) => link.toggleAttribute("aria-current", false) || (id === entry.target.id && link.setAttribute("aria-current", "true")));
      const link = links.get(entry.target.id);
      link.closest("nav").scrollTo({ left: link.offsetLeft - 120 });
    }
  }, { rootMargin: "-20% 0px -75% 0px" });
  links.forEach((_, id) => { const section = document.getElementById(id); if (section) watch.observe(section); });
}

/** Turn the headings of each table.sortable into buttons. Numbers sort by data-value, other cells as text. */
function sortableTables() {
  for (const table of $$("table.sortable")) {
    const headings = $$("thead th", table);
    headings.forEach((heading, column) => {
      const button = element("button", { type: "button" }, heading.textContent);
      heading.replaceChildren(button);
      button.addEventListener("click", () => {
        const down = heading.getAttribute("aria-sort") === "ascending";
        headings.forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", down ? "descending" : "ascending");
        sortRows(table.tBodies[0], column, down ? -1 : 1);
      });
    });
  }
}

function sortRows(body, column, direction) {
  const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
  const compare = (a, b) => (isNaN(a) || isNaN(b) ? String(a).localeCompare(b, "en", { numeric: true }) : a - b);
  body.append(...[...body.rows].sort((a, b) => direction * compare(value(a), value(b))));
}

themeButton();
markSection();
sortableTables();
