// Joins link, raster, views, tools and controls.
import { Compared } from "./compared.js";
import { Link } from "./link.js";
import { $, clock, drawTrace, fill } from "./panel.js";
import { Raster } from "./raster.js";
import { saveCsv, saveJson, savePng } from "./saving.js";
import { Tools } from "./tools.js";
import { View } from "./view.js";

const MAX_ROWS = 500;
const DISCLAIMER = "relative axial strain, not stiffness – research use only";
const raster = new Raster();
const views = [new View($("bmode"), raster, "bmode"), new View($("strain"), raster, "strain")];
const rows = [], marks = [];
const compared = new Compared([$("kept-1"), $("kept-2")]);
const pending = { asked: false, fresh: false, unsaved: false };
let state = null, images = null;

const tools = new Tools(views, {
  onRegions: (regions) => link.send({ do: "measure", regions }),
  onRefused: note,
  onBox: (between) => link.send({ do: "region", between }),
  image: () => imageName(state && state.cine.shown !== null ? (state.cine.frame ?? ["memory", state.cine.shown]) : null),
  onChange: () => {
    controls();
    redraw();
  },
});
const link = new Link({ onMessage: take, onReply: reply, onLost: lost });
window.musse = { raster, tools, views, rows, compared, link, get state() { return state; } }; // for tests and the console

function take(message) {
  raster.take(message);
  state = message.fields.state;
  const before = tools.follow(state);
  if (before) {
    state.measure = null;
    note(`source ${state.source} is shown now: regions and calipers of ${before} were removed`);
  }
  if (message.fields.palette) options(message.fields.palette.options);
  redraw(true);
}

// Draws once per frame of the screen; the server makes the next message when this one is on it.
function redraw(fresh = false) {
  pending.fresh ||= fresh;
  if (pending.asked) return;
  pending.asked = true;
  const soon = document.hidden ? (draw) => setTimeout(draw, 200) : requestAnimationFrame;
  soon(() => {
    const { fresh: news } = pending;
    pending.asked = pending.fresh = false;
    if (!state) return;
    if (news) {
      fill(state, raster.palette);
      images = raster.draw(state);
      controls();
      drawTrace($("trace"), state);
    }
    for (const view of views) view.draw(images, state, tools);
    if (news) link.send({ do: "next" });
  });
}

// A server knows nothing of a page whose connection broke off: settings, regions and the frozen image come from here.
function resume() {
  const { a, b } = tools.regions;
  if (raster.palette) link.send({ do: "options", ...raster.palette.options });
  if (state?.own_region) link.send({ do: "region", edges: state.own_region });
  if (a && b) link.send({ do: "measure", regions: { a, b } });
  if (state?.frozen && state.cine.frame) showFrame(state.cine.frame);
}

function reply(answer) {
  if (answer.connected) resume();
  if (answer.row) {
    const { e, b, ratio } = tools.lengths(imageName(answer.image));
    if (rows.length >= MAX_ROWS) return note(`the table is full (${MAX_ROWS} rows): save it as CSV, then reload the page`);
    rows.push({ ...answer.row, caliper_e_mm: e ?? null, caliper_b_mm: b ?? null, e_over_b: ratio });
    pending.unsaved = true;
    table();
  }
  if (answer.best) {
    for (const frame of answer.best) addMark(frame, "best");
    if (answer.best.length) showFrame(answer.best[0]);
    else note("no image is good enough yet");
  }
  if (answer.kept) note(answer.kept, "good");
  if (answer.error) note(answer.error);
}

function lost(isLost, reason) {
  document.body.classList.toggle("lost", isLost);
  if (isLost) {
    $("banner").textContent = reason ? "REFUSED" : "SERVER LOST";
    $("banner").className = "pill alarm";
    $("detail").textContent = reason || "the page's server does not answer: everything here is old";
  }
}

function note(text, level = "warning") {
  $("message").textContent = text;
  $("message").className = level;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => ($("message").textContent = ""), 8000);
}

// A caliper belongs to one image: a frame, or the live image, which moves on.
const imageName = (frame) => (frame ? `frame ${frame[1]} of ${frame[0]}` : "the live image");
const show = (number) => link.send({ do: "freeze", number });
const showFrame = ([session, index]) => link.send({ do: "freeze", frame: [session, index] });
const toggleFreeze = () => link.send(state?.cine.shown === null ? { do: "freeze" } : { do: "live" });
const step = (by) => show(Math.max(0, (state?.cine.shown ?? state?.cine.last ?? 0) + by));

// A frame is [session, index, unix time in s].
function addMark(frame, kind) {
  const name = `${frame[0]}/${frame[1]}`;
  if (marks.includes(name)) return;
  marks.push(name);
  const button = document.createElement("button");
  button.textContent = `${kind === "best" ? "★" : "●"} ${clock(frame[2], state)}`;
  button.title = `frame ${frame[1]}`;
  button.onclick = () => showFrame(frame);
  $("marks").append(button);
}

function controls() {
  for (const button of document.querySelectorAll(".mode")) button.classList.toggle("on", button.dataset.mode === tools.mode);
  $("shape").textContent = tools.shape === "ellipse" ? "Ellipse" : "Rectangle";
  const hints = { a: "Drag in an image: lesion A.", b: "Drag in an image: reference B, at the same depth.",
    ruler: "Drag over the lesion in strain (E) and in B-mode, both on one frozen image: E/B is their ratio.",
    box: "Drag a box: 1 becomes its average. The lesion should fill at most a quarter of it.", null: tools.regions.a && tools.regions.b ? `Choose A or B to move it; ${state?.frozen ? "" : "freeze to "}add a row.` : "Choose A, then drag in an image." };
  $("hint").textContent = hints[tools.mode];
  const { e, b, ratio } = tools.lengths(), mm = (value) => (value ? `${value.toFixed(1)} mm` : "–");
  const { of } = tools.calipers, elsewhere = of ? `none on this image, drawn on ${of.split(" of ")[0]}` : "–";
  $("calipers").textContent = e || b ? `strain ${mm(e)}, B-mode ${mm(b)}${ratio ? `, E/B ${ratio.toFixed(2)}` : ""}` : elsewhere;
  const at = tools.pointer && raster.at(tools.pointer.x, tools.pointer.z);
  const place = tools.pointer && `${tools.pointer.x.toFixed(1)} mm across, ${tools.pointer.z.toFixed(1)} mm deep: `;
  $("pointer").textContent = !tools.pointer ? "–"
    : place + (!at ? "outside" : Number.isNaN(at.value) ? "no value" : `${at.value.toFixed(2)} ± ${at.std.toFixed(2)}`);
  if (!state) return;
  const { first, last, shown, seconds, kept, not_held: missed } = state.cine, slider = $("slider");
  $("freeze").textContent = shown === null ? "Freeze" : "Live";
  $("freeze").classList.toggle("on", shown !== null);
  slider.disabled = first === null;
  if (first !== null && document.activeElement !== slider) {
    [slider.min, slider.max] = [first, last];
    slider.value = shown ?? last;
  }
  const full = missed ? `, full: ${missed} newer not held` : "";
  $("held").textContent = kept === null
    ? `images: ${seconds.toFixed(0)} s in memory${full}; to save: none, as no tape process answers (musse-stream run starts one; elsewhere: web --keep ADDRESS)`
    : `images: ${seconds.toFixed(0)} s, to save: ${kept.toFixed(0)} s in memory${full}`;
  $("keep").textContent = shown === null ? "Save last 20 s" : "Save all before freeze";
  $("keep").disabled = kept === null;
  $("node-box").hidden = state.own_region === null;
  $("add").disabled = shown === null || !state.measure;
}

function options(given) {
  const set = (id, value) => document.activeElement !== $(id) && ($(id).value = value);
  set("opacity", given.opacity);
  set("gain", given.bmode_gain);
  set("range", given.bmode_range);
  set("map", given.color_map);
  set("top", given.range_max);
  $("flip").checked = given.flip;
  $("gain-text").textContent = `${given.bmode_gain > 0 ? "+" : ""}${given.bmode_gain} dB`;
  $("range-text").textContent = `${given.bmode_range} dB`;
}

function table() {
  const cell = (text) => Object.assign(document.createElement("td"), { textContent: text ?? "–" });
  const fixed = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
  $("rows").tBodies[0].replaceChildren(...rows.map((row) => {
    const line = document.createElement("tr");
    line.append(...[row.frame, clock(row.time, state), row.ratio_text, row.per_press, `${fixed(row.a_mean)} ± ${fixed(row.a_std)}`,
      `${fixed(row.b_mean)} ± ${fixed(row.b_std)}`, fixed(row.e_over_b), fixed(row.quality), row.warnings].map(cell));
    return line;
  }));
}

function settings() {
  const { engine, persistence, probe_mark } = state ?? {};
  return { engine, persistence, probe_mark, display: raster.palette?.options, map: raster.palette?.map };
}

function saveImage() {
  if (!state || !images) return;
  const measured = state.measure ? `Ratio B/A ${state.measure.ratio.text}, per press ${state.measure.per_press}. ` : "";
  const p = raster.palette, taken = state.cine.frame ? `, taken ${clock(state.cine.frame[2], state)}` : "";
  const at = state.frozen ?? `${state.banner.text}${taken}`;
  if (compared.shown) {
    savePng(compared.canvases.slice(0, compared.images.length), [...compared.images.map((image) => image.title), DISCLAIMER]);
    return;
  }
  savePng(views.map((view) => view.canvas), [
    `${at}, frame ${state.frame}, engine ${state.engine}, quality ${state.quality?.toFixed(2) ?? "–"}`,
    `${measured}Colours ${p.map}, range 0 to ${p.range_top}, persistence ${state.persistence ?? "–"} s`
      + `${p.options.flip ? ", left-right flipped" : ""}, probe mark: ${state.probe_mark} line`,
    `saved ${new Date((Date.now() / 1000 + state.utc_offset) * 1000).toISOString().slice(0, 19).replace("T", " ")}   ${DISCLAIMER}`,
  ]);
}

function keepImage() {
  if (!state || state.frame === null) return;
  const measured = state.measure ? `, ratio B/A ${state.measure.ratio.text}` : "";
  const frozen = state.frozen?.split(",")[0]; // without the age, which would be wrong a second later
  const taken = frozen ?? `taken ${clock(state.cine.frame[2], state)}${state.strain_grey ? ", old when kept" : ""}`;
  compared.keep((canvas, box) => views[1].draw(images, { ...state, frozen, caption: "" }, tools, canvas, box), `frame ${state.frame}, ${taken}${measured}`);
  redraw();
  showCompared(compared.shown);
}

function showCompared(shown) {
  compared.shown = shown && compared.images.length > 0;
  $("compare").classList.toggle("on", compared.shown);
  $("compare").disabled = !compared.images.length;
  $("compare").textContent = `Compare (${compared.images.length} of 2)`;
  $("images").classList.toggle("comparing", compared.shown);
  if (compared.shown) compared.draw();
}

// Rows live in this tab alone: the browser asks before a reload or a closed tab loses some.
const saved = () => (pending.unsaved = false);
window.addEventListener("beforeunload", (event) => pending.unsaved && event.preventDefault());
for (const button of document.querySelectorAll(".mode")) button.onclick = () => tools.setMode(button.dataset.mode);
$("shape").onclick = () => tools.setShape(tools.shape === "ellipse" ? "rectangle" : "ellipse");
$("clear").onclick = () => tools.clear();
$("freeze").onclick = toggleFreeze;
$("back").onclick = () => step(-1);
$("forth").onclick = () => step(1);
$("slider").oninput = (event) => show(Number(event.target.value));
$("slider").onchange = (event) => event.target.blur();
$("mark").onclick = () => state?.cine.frame && addMark(state.cine.frame, "mark");
$("best").onclick = () => link.send({ do: "best" });
$("keep").onclick = () => link.send({ do: "keep" });
$("keep-image").onclick = keepImage;
$("compare").onclick = () => showCompared(!compared.shown);
$("node-box").onclick = () => tools.handlers.onBox(null);
$("add").onclick = () => link.send({ do: "row" });
$("csv").onclick = () => saved(saveCsv(rows));
$("json").onclick = () => saved(saveJson(rows, settings()));
$("png").onclick = saveImage;
const choose = (id, key, convert = Number) => ($(id).oninput = (event) => link.send({ do: "options", [key]: convert(event.target.value) }));
choose("opacity", "opacity");
choose("gain", "bmode_gain");
choose("range", "bmode_range");
choose("map", "color_map", String);
choose("top", "range_max");
$("persistence").onchange = (event) => {
  link.send({ do: "fusion", time_constant: Number(event.target.value) });
  event.target.blur();
};
$("flip").onchange = (event) => link.send({ do: "options", flip: event.target.checked });
window.addEventListener("resize", () => (compared.shown ? compared.draw() : redraw()));
window.addEventListener("keydown", (event) => {
  if (["INPUT", "SELECT"].includes(event.target.tagName) && event.target.type !== "checkbox") return;
  const actions = { " ": toggleFreeze, ArrowLeft: () => step(-1), ArrowRight: () => step(1), Escape: () => tools.setMode(null) };
  if (!actions[event.key]) return;
  event.preventDefault();
  actions[event.key]();
});
