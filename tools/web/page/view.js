// One canvas: the raster at the screen's resolution, axes in mm, regions, calipers, pointer, colour bar.
const COLORS = { a: "#ffd34d", b: "#7ee0ff", ruler: "#ffffff" };

export class View {
  constructor(canvas, raster, kind) {
    Object.assign(this, { canvas, raster, kind });
    this.context = canvas.getContext("2d");
  }

  // Fits the raster into a box in CSS pixels; keeps the place for positions.
  layout(canvas, box) {
    const dpr = window.devicePixelRatio || 1;
    const w = Math.round(box.width * dpr), h = Math.round(box.height * dpr);
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    this.em = parseFloat(getComputedStyle(document.documentElement).fontSize) * dpr;
    const g = this.raster.geometry;
    if (!g) return;
    const left = 2.4 * this.em, bottom = 2 * this.em, top = 2.1 * this.em; // room for FROZEN: it hides no tissue
    const right = 6 * this.em; // both images have the bar's room, so that they have one scale
    const scale = Math.max(0.01, Math.min((w - left - right) / g.width, (h - top - bottom) / g.height));
    this.place = { x: left + (w - left - right - g.width * scale) / 2, y: top, scale };
  }

  toScreen(x, z) {
    const g = this.raster.geometry, { place } = this;
    const px = (g.flip ? g.right - x : x - g.left) * g.scale;
    return [place.x + px * place.scale, place.y + (z - g.top) * g.scale * place.scale];
  }

  // x and z in mm of an event; null outside the image.
  toPlane(event) {
    const g = this.raster.geometry;
    if (!g || !this.place) return null;
    const box = this.canvas.getBoundingClientRect(), dpr = this.canvas.width / box.width;
    const px = ((event.clientX - box.left) * dpr - this.place.x) / this.place.scale;
    const py = ((event.clientY - box.top) * dpr - this.place.y) / this.place.scale;
    if (px < 0 || py < 0 || px > g.width || py > g.height) return null;
    return { x: g.flip ? g.right - px / g.scale : g.left + px / g.scale, z: g.top + py / g.scale };
  }

  draw(images, state, marks, canvas = this.canvas, box = canvas.getBoundingClientRect()) {
    this.layout(canvas, box);
    const context = (this.context = canvas.getContext("2d"));
    context.fillStyle = "#181a1e";
    context.fillRect(0, 0, canvas.width, canvas.height);
    const g = this.raster.geometry;
    if (!g || !images) return;
    const { x, y, scale } = this.place;
    context.imageSmoothingEnabled = scale < 1;
    context.drawImage(images[this.kind], x, y, g.width * scale, g.height * scale);
    this.axes();
    this.outline(state.region);
    if (this.kind === "strain") {
      this.oblique();
      this.bar();
    }
    this.marks(marks);
    const grey = this.kind === "strain" ? state.strain_grey : state.bmode_grey;
    this.caption(this.kind === "strain" ? state.caption : state.bmode_caption, state.frozen, grey);
  }

  axes() {
    const { context, em } = this, g = this.raster.geometry, { x, y, scale } = this.place;
    const [w, h] = [g.width * scale, g.height * scale];
    context.strokeStyle = "#52565c";
    context.lineWidth = Math.max(1, em / 14);
    context.strokeRect(x, y, w, h);
    context.fillStyle = "#a0a4a9";
    context.font = `${0.85 * em}px system-ui, sans-serif`;
    context.textAlign = "right";
    const step = niceStep((g.bottom - g.top) / Math.max(2, h / (4 * em)));
    for (let z = Math.ceil(g.top / step) * step; z <= g.bottom; z += step) {
      const at = this.toScreen(g.left, z)[1];
      context.fillRect(x - 0.3 * em, at, 0.3 * em, 1);
      context.fillText(`${+z.toFixed(3)}`, x - 0.4 * em, at + 0.3 * em);
    }
    context.textAlign = "center";
    const across = niceStep((g.right - g.left) / Math.max(2, w / (3.5 * em)));
    for (let u = Math.ceil(g.left / across) * across; u <= g.right; u += across) {
      const at = this.toScreen(u, g.top)[0];
      context.fillRect(at, y + h, 1, 0.3 * em);
      context.fillText(`${+u.toFixed(3)}`, at, y + h + 1.2 * em);
    }
    context.textAlign = "right";
    context.fillText("mm", x + w, y + h + 1.95 * em);
    context.fillStyle = context.strokeStyle = "#78c8f0"; // the probe's mark; a ring where it is not stated
    context.beginPath();
    context.arc(g.mark_at_right ? x + w - em / 2 : x + em / 2, y - 0.2 * em, em / 3.5, 0, 7);
    if (g.mark) context.fill();
    else context.stroke();
  }

  outline(points) {
    if (!points?.length) return;
    const { context } = this;
    context.beginPath();
    for (const [u, z] of points) context.lineTo(...this.toScreen(u, z));
    context.closePath();
    context.strokeStyle = "#ffffffb0";
    context.lineWidth = Math.max(1, this.em / 12);
    context.stroke();
  }

  // Dashed beams beyond which uniform tissue looks hard; see tools/geometry.py.
  oblique() {
    const { context, em } = this;
    for (const beam of this.raster.geometry.oblique) {
      const [[x0, y0], [x1, y1]] = beam.map(([u, z]) => this.toScreen(u, z));
      context.lineWidth = Math.max(1, em / 12);
      context.setLineDash([em / 2, em / 2]);
      this.stroked("#fff", () => {
        context.beginPath();
        context.moveTo(x0, y0);
        context.lineTo(x1, y1);
      });
      context.setLineDash([]);
      context.font = `${0.8 * em}px system-ui, sans-serif`;
      const outwards = x1 < x0 ? -1 : 1;
      context.textAlign = outwards < 0 ? "right" : "left";
      context.fillStyle = "#e6e8e9";
      const x = x0 + 0.75 * (x1 - x0) + (outwards * em) / 2, y = y0 + 0.75 * (y1 - y0);
      context.fillText("oblique beams", x, y);
      context.fillText("look harder", x, y + em);
    }
  }

  bar() {
    const { context, em } = this, p = this.raster.palette, g = this.raster.geometry;
    const { x, y, scale } = this.place, left = x + g.width * scale + 0.7 * em;
    const top = y + 2 * em, height = Math.max(4 * em, Math.min(g.height * scale - 5 * em, 22 * em));
    for (let i = 0; i < 256; i++) {
      context.fillStyle = `rgb(${p.colors[3 * i]},${p.colors[3 * i + 1]},${p.colors[3 * i + 2]})`;
      context.fillRect(left, top + (height * (255 - i)) / 256, 1.2 * em, height / 256 + 1);
    }
    context.fillStyle = "#e6e8e9";
    context.textAlign = "left";
    context.font = `bold ${0.9 * em}px system-ui, sans-serif`;
    context.fillText("SOFT", left - 0.2 * em, top - 0.4 * em);
    context.fillText("HARD", left - 0.2 * em, top + height + 1.1 * em);
    context.font = `${0.8 * em}px system-ui, sans-serif`;
    const taken = [];
    const rank = ([share, label]) => (label.includes("average") ? 0 : share === 0 ? 1 : 2); // 1 and 0 stay
    for (const [share, label] of [...p.labels].sort((a, b) => rank(a) - rank(b))) {
      const at = top + height * (1 - share);
      const [from, to] = [at - 0.5 * em, at + (label.includes("average") ? 1.5 : 0.5) * em];
      if (taken.some(([low, high]) => from < high && to > low)) continue; // a small image has no room for all
      taken.push([from, to]);
      context.fillText(label.replace(" average", ""), left + 1.5 * em, at + 0.3 * em);
      if (label.includes("average")) context.fillText("average", left + 1.5 * em, at + 1.2 * em);
    }
    context.fillText(p.map.split(":")[0].split(" ")[0], left - 0.2 * em, top + height + 2.3 * em);
    const [r, gr, b] = p.opposite;
    context.fillStyle = `rgb(${r},${gr},${b})`;
    context.fillRect(left, top + height + 2.9 * em, 0.8 * em, 0.7 * em);
    context.fillStyle = "#a0a4a9";
    context.fillText("opposite", left + em, top + height + 3.6 * em);
  }

  marks({ regions, rulers, pointer, box }) {
    const { context, em } = this;
    context.lineWidth = Math.max(1.5, em / 8);
    context.font = `bold ${em}px system-ui, sans-serif`;
    context.textAlign = "center";
    for (const name of ["a", "b"]) {
      const region = regions[name];
      if (!region) continue;
      const [cx, cy] = this.toScreen(region.x, region.z);
      const k = this.raster.geometry.scale * this.place.scale;
      const [w, h] = [region.width * k, region.height * k];
      this.stroked(COLORS[name], () => {
        context.beginPath();
        if (region.shape === "ellipse") context.ellipse(cx, cy, w / 2, h / 2, 0, 0, 7);
        else context.rect(cx - w / 2, cy - h / 2, w, h);
      });
      context.fillStyle = COLORS[name];
      context.fillText(name.toUpperCase(), cx, Math.max(cy - h / 2 - 0.3 * em, this.place.y + 1.2 * em)); // inside, where it hangs over the top
    }
    for (const [label, line] of Object.entries(rulers)) {
      const [from, to] = [this.toScreen(line[0].x, line[0].z), this.toScreen(line[1].x, line[1].z)];
      this.stroked(COLORS.ruler, () => {
        context.beginPath();
        context.moveTo(...from);
        context.lineTo(...to);
      });
      context.fillStyle = "#fff";
      context.fillText(label, to[0], to[1] - 0.3 * em);
    }
    if (box) {
      const [[left, top], [right, bottom]] = box.map(({ x, z }) => this.toScreen(x, z));
      this.stroked("#fff", () => {
        context.beginPath();
        context.rect(left, top, right - left, bottom - top);
      });
    }
    if (pointer) {
      const [px, py] = this.toScreen(pointer.x, pointer.z);
      this.stroked("#fff", () => {
        context.beginPath();
        context.moveTo(px - em / 2, py);
        context.lineTo(px + em / 2, py);
        context.moveTo(px, py - em / 2);
        context.lineTo(px, py + em / 2);
      });
    }
  }

  // One line on a ground at least so wide; where the image is too narrow for it, beside the image too.
  words(text, x, y, width, ground, color) {
    const { context, em } = this, room = this.context.canvas.width;
    const wide = Math.min(room, Math.max(width, context.measureText(text).width + em));
    const left = Math.min(x, room - wide);
    context.fillStyle = ground;
    context.fillRect(left, y, wide, 1.55 * em);
    context.fillStyle = color;
    context.fillText(text, left + em / 2, y + 1.1 * em, wide - em);
  }

  stroked(color, path) {
    const { context } = this, width = context.lineWidth;
    context.strokeStyle = "#000";
    context.lineWidth = 2 * width;
    path();
    context.stroke();
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }

  caption(text, frozen, grey) {
    const { context, em } = this, g = this.raster.geometry, { x, y, scale } = this.place;
    const [w, h] = [g.width * scale, g.height * scale];
    context.font = `bold ${0.85 * em}px system-ui, sans-serif`;
    context.textAlign = "left";
    if (frozen) this.words(frozen, x, y - 2.1 * em, 0, "#14326e", "#fff");
    if (text) this.words(text, x, y + h - 1.6 * em, w, "#000", "#f5af3c");
    if (grey) {
      context.strokeStyle = "#f5af3c";
      context.lineWidth = Math.max(2, em / 7);
      context.strokeRect(x, y, w, h);
    }
  }
}

export function niceStep(raw) {
  const decade = 10 ** Math.floor(Math.log10(raw));
  return decade * [1, 2, 5, 10].find((factor) => decade * factor >= raw);
}
