// One WebSocket to the server. Newest message wins; the only thing decided here is that the server is lost.
const LOST_AFTER = 1000; // ms without a message; the server sends several a second

export class Link {
  constructor({ onMessage, onReply, onLost }) {
    this.handlers = { onMessage, onReply, onLost };
    this.heard = performance.now();
    this.lost = false;
    this.reason = ""; // why the server that answers lets nobody in
    this.open();
    setInterval(() => this.setLost(performance.now() - this.heard > LOST_AFTER), 100);
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.socket.binaryType = "arraybuffer";
    let opened = false;
    this.socket.onopen = () => {
      opened = true;
      this.handlers.onReply({ connected: true });
    };
    this.socket.onmessage = (event) => {
      this.heard = performance.now();
      this.setLost(false);
      if (typeof event.data === "string") this.handlers.onReply(JSON.parse(event.data));
      else this.handlers.onMessage(unpack(event.data));
    };
    this.socket.onclose = async () => {
      const reason = opened ? "" : await refusal();
      if (reason !== this.reason) {
        this.reason = reason;
        if (this.lost) this.handlers.onLost(true, reason);
      }
      setTimeout(() => this.open(), 500);
    };
  }

  setLost(lost) {
    if (lost === this.lost) return;
    this.lost = lost;
    this.handlers.onLost(lost, this.reason);
  }

  send(request) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(request));
  }
}

// A WebSocket does not report why it was refused; the same address read as a page does. "" where no server answers.
async function refusal() {
  try {
    const answer = await fetch("ws", { signal: AbortSignal.timeout(2000) });
    return [403, 503].includes(answer.status) ? await answer.text() : "";
  } catch {
    return "";
  }
}

// See tools/web/messages.py for the layout.
function unpack(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const fields = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const { name, dtype, shape, offset } of fields.arrays) {
    const Type = dtype === "f4" ? Float32Array : Uint8Array;
    const data = new Type(buffer, 4 + length + offset, shape[0] * shape[1]);
    arrays[name] = { data, rows: shape[0], cols: shape[1] };
  }
  return { fields, arrays };
}
