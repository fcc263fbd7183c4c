// Regions A and B, calipers and pointer, by mouse, pen or finger. Sizes in mm of the image plane.
const MIN_SIZE = 1; // mm

export class Tools {
  constructor(views, handlers) {
    this.views = views;
    this.handlers = handlers; // onRegions, onBox, onRefused, onChange; image: the name of the image that is shown
    this.mode = null;
    this.shape = "ellipse";
    this.regions = { a: null, b: null };
    this.calipers = { of: null, lines: {} }; // all of one image
    this.source = null;
    this.pointer = null;
    this.drag = null;
    this.box = null; // of the region of interest while it is drawn
    for (const view of views) this.listen(view);
  }

  setMode(mode) {
    this.mode = this.mode === mode ? null : mode;
    this.drag = this.box = null; // what was being drawn belongs to the mode before
    for (const { canvas } of this.views) canvas.classList.toggle("drawing", this.mode !== null);
    this.handlers.onChange();
  }

  setShape(shape) {
    this.shape = shape;
    const region = this.regions[this.mode];
    if (region) this.setRegion(this.mode, { ...region, shape });
    this.handlers.onChange();
  }

  clear() {
    this.regions = { a: null, b: null };
    this.calipers = { of: null, lines: {} };
    this.drag = this.box = null;
    this.handlers.onRegions(null);
    this.handlers.onChange();
  }

  setRegion(name, region) {
    this.regions[name] = region;
    const { a, b } = this.regions;
    this.handlers.onRegions(a && b ? { a, b } : null);
  }

  // Another source is another patient or view: what was drawn on the one before must not measure it.
  // Returns the source whose regions or calipers were removed, or null.
  follow({ source, own_region: box }) {
    const before = this.source, { a, b } = this.regions;
    if (!source || source === before) return null;
    this.source = source;
    if (!before || !(a || b || box || this.calipers.of || this.drag)) return null;
    this.clear();
    this.handlers.onBox(null);
    return before;
  }

  // Calipers of the image that is shown: on any other the tissue lies elsewhere.
  get rulers() {
    return this.calipers.of === this.handlers.image() ? this.calipers.lines : {};
  }

  // Calipers of one image. E is that drawn on strain, B that on B-mode; their ratio is the E/B size ratio.
  lengths(image = this.handlers.image()) {
    const lines = this.calipers.of === image ? this.calipers.lines : {};
    const length = (line) => line && Math.hypot(line[1].x - line[0].x, line[1].z - line[0].z);
    const e = length(lines.strain), b = length(lines["B-mode"]);
    return { e, b, ratio: e && b ? e / b : null };
  }

  listen(view) {
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => {
      const at = view.toPlane(event);
      if (!at || !this.mode || this.drag || event.button !== 0) return; // one finger, or the left button
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      const region = this.regions[this.mode]; // none of ruler and box
      const inside = region && 2 * Math.abs(at.x - region.x) < region.width && 2 * Math.abs(at.z - region.z) < region.height;
      const moved = inside ? { ...region } : null, of = this.handlers.image();
      this.drag = { pointer: event.pointerId, from: at, moved, kind: view.kind, of };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.drag && this.drag.pointer !== event.pointerId) return;
      const at = view.toPlane(event);
      this.pointer = at;
      if (this.drag && at) this.dragTo(at);
      this.handlers.onChange();
    });
    const end = ({ pointerId }) => this.drag?.pointer === pointerId && (this.drag = this.box = null);
    canvas.addEventListener("pointerup", (event) => {
      if (this.box && this.drag?.pointer === event.pointerId) this.handlers.onBox(this.box.map(({ x, z }) => [x, z]));
      if (this.drag?.small && this.drag.pointer === event.pointerId) {
        this.handlers.onRefused(`draw a larger region: at least ${MIN_SIZE} mm in both directions`);
      }
      end(event);
      this.handlers.onChange();
    });
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => {
      this.pointer = null;
      this.handlers.onChange();
    });
  }

  dragTo(at) {
    const { from, moved, kind, of } = this.drag;
    if (this.mode === "ruler") {
      if (this.calipers.of !== of) this.calipers = { of, lines: {} };
      this.calipers.lines[kind === "strain" ? "strain" : "B-mode"] = [from, at];
    } else if (this.mode === "box") {
      this.box = [from, at];
    } else if (moved) {
      this.setRegion(this.mode, { ...moved, x: moved.x + at.x - from.x, z: moved.z + at.z - from.z });
    } else {
      const [width, height] = [Math.abs(at.x - from.x), Math.abs(at.z - from.z)];
      this.drag.small = width < MIN_SIZE || height < MIN_SIZE;
      if (this.drag.small) return;
      const [x, z] = [(at.x + from.x) / 2, (at.z + from.z) / 2];
      this.setRegion(this.mode, { shape: this.shape, x, z, width, height });
    }
  }
}
