// The last two images that were kept, side by side: copies of pixels, with the words that belong to each.
export class Compared {
  constructor(figures) {
    this.figures = figures;
    this.canvases = figures.map((figure) => figure.querySelector("canvas"));
    this.images = [];
    this.shown = false;
  }

  // One size for all, so that both have one scale however large the window was.
  keep(draw, title) {
    const copy = document.createElement("canvas"), em = parseFloat(getComputedStyle(document.documentElement).fontSize);
    draw(copy, { width: 38 * em, height: 33 * em });
    this.images = [...this.images, { copy, title }].slice(-this.canvases.length);
  }

  draw() {
    this.figures.forEach((figure, i) => {
      const image = this.images[i], canvas = this.canvases[i];
      figure.querySelector("figcaption").textContent = image ? `Kept: ${image.title}` : "Keep a second image";
      if (!image) return;
      [canvas.width, canvas.height] = [image.copy.width, image.copy.height];
      canvas.getContext("2d").drawImage(image.copy, 0, 0);
    });
  }
}
