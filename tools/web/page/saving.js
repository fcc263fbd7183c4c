// Files that the browser saves: table, image, settings. No name, folder or comment of anyone.
const stamp = () => new Date().toISOString().replace(/[-:]/g, "").slice(0, 15);

export function download(name, blob) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

export function toCsv(rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cell = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names.join(","), ...rows.map((row) => names.map((name) => cell(row[name])).join(","))].join("\n") + "\n";
}

export const saveCsv = (rows) => download(`musse-${stamp()}.csv`, new Blob([toCsv(rows)], { type: "text/csv" }));

export function saveJson(rows, settings) {
  const quantity = "relative axial strain, 1 = average of the region; ratio = mean of B / mean of A";
  const whole = { saved: new Date().toISOString(), quantity, settings, rows };
  download(`musse-${stamp()}.json`, new Blob([JSON.stringify(whole, null, 1) + "\n"], { type: "application/json" }));
}

// Both images as they stand, with the words that belong to them.
export function savePng(canvases, lines) {
  const height = Math.max(...canvases.map((canvas) => canvas.height));
  const em = Math.max(14, height / 40), out = document.createElement("canvas");
  out.width = canvases.reduce((sum, canvas) => sum + canvas.width, 0);
  out.height = height + (lines.length + 1) * 1.4 * em;
  const context = out.getContext("2d");
  context.fillStyle = "#181a1e";
  context.fillRect(0, 0, out.width, out.height);
  let left = 0;
  for (const canvas of canvases) {
    context.drawImage(canvas, left, 0);
    left += canvas.width;
  }
  context.fillStyle = "#e6e8e9";
  context.font = `${em}px system-ui, sans-serif`;
  lines.forEach((line, i) => context.fillText(line, em, height + (i + 1) * 1.4 * em, out.width - 2 * em));
  out.toBlob((blob) => download(`musse-${stamp()}.png`, blob));
}
