// Fills the page from the state that the server sent.
import { niceStep } from "./view.js";

export const $ = (id) => document.getElementById(id);
const text = (id, value) => {
  const element = $(id);
  if (element.textContent !== value) element.textContent = value;
};
const number = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
export const signed = (value, digits) => (value > 0 ? "+" : value < 0 ? "–" : "") + Math.abs(value).toFixed(digits);

// Time of day of a unix time in s, on the server's clock and in its zone, as the server's own texts have it.
export const clock = (seconds, state) => new Date((seconds + state.utc_offset) * 1000).toISOString().slice(11, 19);

export function fill(state, palette) {
  text("banner", state.banner.text);
  $("banner").className = `pill ${state.banner.level}`;
  $("recording").hidden = !state.recording;
  text("frozen", state.frozen ?? "");
  text("detail", state.notice || state.banner.detail);
  const others = state.others.length ? ` (not shown: ${state.others.join(", ")})` : "";
  text("source", state.source ? `source ${state.source}${others}` : "");
  $("waiting").hidden = !state.waiting.length;
  if (state.waiting.length) $("waiting").replaceChildren(...state.waiting.map(line));
  text("quality", number(state.quality, 2));
  $("bar-fill").style.width = `${100 * (state.quality ?? 0)}%`;
  $("bar-fill").style.background = state.quality_color ?? "";
  text("snre", number(state.snre, 1));
  text("match", number(state.match, 2));
  text("direction", state.mean === null ? "No mean strain" : state.mean < 0 ? "Press" : "Release");
  text("mean", state.mean === null ? "" : `${signed(100 * state.mean, 2)} %`);
  for (const id of ["numbers", "measured"]) $(id).classList.toggle("old", state.strain_grey);
  text("guidance", state.frozen || state.strain_grey ? "" : state.guidance);
  const link = state.frozen ? `link now: ${state.banner.text} | ` : "";
  text("status", link + state.status.filter((part) => !part.startsWith("o: ")).join(" | "));
  $("status").classList.toggle("old", state.rates_grey);
  text("assumed", state.assumed.length ? `Assumed: ${state.assumed.join("; ")}` : "");
  persistence($("persistence"), state);
  const pairs = state.pairs === null ? "" : state.persistence ? `, ${state.pairs.toFixed(0)} ${state.pairs < 1.5 ? "pair" : "pairs"} fused` : ", one pair";
  text("strain-title", `Strain: 1 = average of the region${pairs}`);
  text("bmode-title", palette ? `B-mode, ${palette.options.bmode_range} dB` : "B-mode");
  measurement(state.measure);
}

// The node's time constant, or that of the image where no node can be asked; one that is not offered is shown too.
function persistence(select, state) {
  const seconds = state.fusion ?? state.persistence;
  select.disabled = state.fusion === null;
  if (seconds === null) select.selectedIndex = -1;
  if (seconds === null || document.activeElement === select) return;
  if (![...select.options].some((option) => Number(option.value) === seconds)) select.add(new Option(`${seconds} s`, seconds));
  select.value = String(seconds);
}

function line(words) {
  const element = document.createElement("div");
  element.textContent = words;
  return element;
}

function measurement(found) {
  text("ratio", found ? found.ratio.text : "–");
  text("presses", found ? found.per_press : "–");
  for (const name of ["a", "b"]) {
    const mean = found?.[name], depth = found?.[`depth_${name}`], beams = found?.[`beams_${name}`];
    const known = mean && mean.mean !== null;
    const said = known
      ? `${mean.mean.toFixed(2)} ± ${mean.std.toFixed(2)}, SNRe ${number(mean.snre, 1)}, ${depth.toFixed(0)} mm deep` +
        (beams ? `, beams ${beams.toFixed(2)} mm apart` : "")
      : mean ? "no value" : "–";
    text(`mean-${name}`, said);
  }
  text("warnings", found ? found.warnings.join("; ") : "");
}

export function drawTrace(canvas, state) {
  const box = canvas.getBoundingClientRect(), dpr = window.devicePixelRatio || 1;
  const [w, h] = [Math.round(box.width * dpr), Math.round(box.height * dpr)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d"), em = parseFloat(getComputedStyle(document.documentElement).fontSize) * dpr;
  const left = 2.6 * em, middle = h / 2;
  context.fillStyle = "#26292e";
  context.fillRect(0, 0, w, h);
  const largest = Math.max(0.1, ...state.trace.map(([, mean]) => Math.abs(100 * (mean ?? 0))));
  const limit = niceStep(largest), y = (percent) => middle - (percent / limit) * (h / 2 - 0.5 * em);
  const x = (seconds) => w + (seconds / state.trace_seconds) * (w - left);
  context.fillStyle = "#30423a";
  const [low, high] = state.guidance_band;
  for (const sign of [1, -1]) {
    const [from, to] = [Math.max(0, Math.min(y(sign * high), h)), Math.max(0, Math.min(y(sign * low), h))];
    context.fillRect(left, Math.min(from, to), w - left, Math.abs(to - from));
  }
  context.fillStyle = "#a0a4a9";
  context.font = `${0.8 * em}px system-ui, sans-serif`;
  context.textAlign = "right";
  for (const value of [limit, 0, -limit]) {
    context.fillRect(left, y(value), w - left, 1);
    context.fillText(value === 0 ? "0" : signed(value, value < 1 && value > -1 ? 1 : 0), left - 0.4 * em, y(value) + 0.3 * em);
  }
  context.lineWidth = Math.max(2, em / 7);
  context.strokeStyle = "#78c8f0";
  context.beginPath();
  let drawing = false;
  const rejected = [];
  for (const [seconds, mean, afterGap] of state.trace) {
    if (mean === null) {
      rejected.push(x(seconds));
      drawing = false;
      continue;
    }
    if (afterGap) drawing = false;
    const at = [x(seconds), y(Math.max(-limit, Math.min(limit, 100 * mean)))];
    if (drawing) context.lineTo(...at);
    else context.moveTo(...at);
    drawing = true;
  }
  context.stroke();
  context.fillStyle = "#f5af3c";
  for (const at of rejected) context.fillRect(at - 1, h - 0.6 * em, Math.max(2, em / 8), 0.5 * em);
}
