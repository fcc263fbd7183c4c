// From maps to pixels, with the server's tables alone: scan conversion, colours and greys come from Python.
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const GREYED = 0.75; // a greyed image lets its ground through

export class Raster {
  constructor() {
    this.geometry = this.palette = this.value = this.std = this.bmode = null;
    this.tables = {};
  }

  take({ fields, arrays }) {
    this.dirty ||= Boolean(fields.geometry || fields.palette || arrays.value || arrays.bmode);
    if (fields.geometry) {
      this.geometry = fields.geometry;
      this.tables = arrays;
      this.value = this.std = this.bmode = null;
      const { width, height } = this.geometry;
      this.images = { bmode: new ImageData(width, height), strain: new ImageData(width, height) };
      this.canvases = {};
      for (const name of ["bmode", "strain"]) {
        const canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [width, height];
        this.canvases[name] = canvas;
      }
    }
    if (fields.palette) {
      const { colors, levels, ...rest } = fields.palette;
      this.palette = { ...rest, colors: bytes(colors), levels: bytes(levels) };
    }
    if (arrays.value) {
      this.value = arrays.value;
      this.std = arrays.std;
      this.prepare();
    }
    if (arrays.bmode) this.bmode = arrays.bmode;
  }

  // Confidence and sign of every cell; see tools/display/strain_image.py.
  prepare() {
    const value = this.value.data, std = this.std.data, n = value.length;
    this.sure = new Float32Array(n);
    this.opposite = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const v = value[i], s = std[i];
      if (Number.isNaN(v) || !Number.isFinite(s)) continue;
      this.opposite[i] = v + 2 * s < 0 ? 1 : 0;
      const sure = 1 / (1 + 4 * s * s);
      this.sure[i] = v < 0 && !this.opposite[i] ? sure / 2 : sure;
    }
  }

  index(v) {
    const { range_top: top } = this.palette;
    const at = v < 1 ? v * 128 : 128 + ((v - 1) * 127) / (top - 1);
    return Math.round(Math.min(Math.max(at, 0), 255));
  }

  // Draws both rasters; returns their canvases.
  draw(state) {
    if (!this.geometry || !this.palette) return null;
    const { width, height } = this.geometry;
    const drawn = `${state.bmode_grey} ${state.strain_grey}`;
    if (!this.dirty && drawn === this.drawn) return this.canvases;
    [this.dirty, this.drawn] = [false, drawn];
    const grey = this.drawBmode(width * height, state.bmode_grey);
    this.drawStrain(width, height, grey, state.strain_grey);
    for (const name of ["bmode", "strain"]) {
      this.canvases[name].getContext("2d").putImageData(this.images[name], 0, 0);
    }
    return this.canvases;
  }

  drawBmode(n, greyed) {
    const out = this.images.bmode.data;
    const column = this.tables.bmode_column?.data, row = this.tables.bmode_row?.data;
    const { levels } = this.palette;
    for (let i = 0; i < n; i++) {
      let level = 0;
      if (this.bmode && column) {
        const { data, rows, cols } = this.bmode, c = column[i], r = row[i];
        if (c > -0.5 && r > -0.5 && c < cols - 0.5 && r < rows - 0.5) {
          const c0 = Math.min(Math.max(Math.floor(c), 0), cols - 2), r0 = Math.min(Math.max(Math.floor(r), 0), rows - 2);
          const x = Math.min(Math.max(c - c0, 0), 1), y = Math.min(Math.max(r - r0, 0), 1), k = r0 * cols + c0;
          const top = data[k] * (1 - x) + data[k + 1] * x;
          const low = data[k + cols] * (1 - x) + data[k + cols + 1] * x;
          level = levels[Math.round(top * (1 - y) + low * y)];
          if (greyed) level = (level >> 1) + 48;
        }
      }
      out[4 * i] = out[4 * i + 1] = out[4 * i + 2] = level;
      out[4 * i + 3] = 255;
    }
    return out;
  }

  drawStrain(width, height, ground, greyed) {
    const out = this.images.strain.data, hasBmode = Boolean(this.bmode && this.tables.bmode_column);
    const { colors, opposite: pink } = this.palette;
    const opacity = hasBmode ? this.palette.options.opacity : 1;
    const cell = { v: 0, sure: 0, other: false };
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) {
        const hatch = ((x + y) >> 2) % 2 ? 74 : 58;
        const under = hasBmode ? ground[4 * i] : hatch;
        let r = under, g = under, b = under;
        if (this.value && this.tables.strain_column && this.sample(i, cell)) {
          const k = 3 * this.index(cell.v);
          let cr = cell.other ? pink[0] : colors[k], cg = cell.other ? pink[1] : colors[k + 1];
          let cb = cell.other ? pink[2] : colors[k + 2];
          let weight = cell.sure * opacity;
          if (greyed) {
            cr = cg = cb = 0.299 * cr + 0.587 * cg + 0.114 * cb;
            weight *= GREYED;
          }
          r += (cr - r) * weight;
          g += (cg - g) * weight;
          b += (cb - b) * weight;
        }
        out[4 * i] = Math.round(r);
        out[4 * i + 1] = Math.round(g);
        out[4 * i + 2] = Math.round(b);
        out[4 * i + 3] = 255;
      }
    }
  }

  // Value x mask over mask, nearest where opposite signs meet; see tools/geometry.py.
  sample(i, cell) {
    const { data, rows, cols } = this.value;
    const c = this.tables.strain_column.data[i], r = this.tables.strain_row.data[i];
    const cn = Math.floor(c + 0.5), rn = Math.floor(r + 0.5);
    if (cn < 0 || rn < 0 || cn >= cols || rn >= rows) return false;
    const near = rn * cols + cn;
    if (Number.isNaN(data[near])) return false;
    const c0 = Math.floor(c), r0 = Math.floor(r);
    let share = 0, v = 0, sure = 0, other = 0;
    for (let dr = 0; dr < 2; dr++) {
      const rr = r0 + dr;
      if (rr < 0 || rr >= rows) continue;
      const wr = dr ? r - r0 : 1 - r + r0;
      for (let dc = 0; dc < 2; dc++) {
        const cc = c0 + dc, k = rr * cols + cc;
        if (cc < 0 || cc >= cols || Number.isNaN(data[k])) continue;
        const w = wr * (dc ? c - c0 : 1 - c + c0);
        share += w;
        v += w * data[k];
        sure += w * this.sure[k];
        other += w * this.opposite[k];
      }
    }
    if (share <= 0) return false;
    other /= share;
    const mixed = other > 1e-3 && other < 1 - 1e-3;
    cell.v = mixed ? data[near] : v / share;
    cell.sure = sure / share;
    cell.other = mixed ? this.opposite[near] === 1 : other > 0.5;
    return true;
  }

  // Value and deviation of the cell at x, z in mm; null outside, NaN where there is no value.
  at(x, z) {
    const pixel = this.pixel(x, z);
    if (pixel === null || !this.value || !this.tables.strain_column) return null;
    const column = Math.round(this.tables.strain_column.data[pixel]);
    const row = Math.round(this.tables.strain_row.data[pixel]);
    const { data, rows, cols } = this.value;
    if (row < 0 || column < 0 || row >= rows || column >= cols) return null;
    return { value: data[row * cols + column], std: this.std.data[row * cols + column], row, column };
  }

  pixel(x, z) {
    const g = this.geometry;
    if (!g) return null;
    const px = Math.floor((g.flip ? g.right - x : x - g.left) * g.scale), py = Math.floor((z - g.top) * g.scale);
    return px < 0 || py < 0 || px >= g.width || py >= g.height ? null : py * g.width + px;
  }
}
