// The server's side of WebSockets (RFC 6455), as much of it as the examples need: text messages of
// up to 64 KiB in one frame each, Ping and Close. No package has to be installed for it.

import {createHash} from 'node:crypto';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const MOST = 64 * 1024;

/// Answers a handshake: from node:http's event `upgrade`. Calls `onText(text, send)` for each
/// message; `send(text)` sends one.
export function accept(request, socket, onText) {
  const key = request.headers['sec-websocket-key'];
  if (request.headers.upgrade?.toLowerCase() !== 'websocket' || !key) {
    return refuse(socket, '400 Bad Request');
  }
  const accepted = createHash('sha1').update(key + GUID).digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n' +
               `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accepted}\r\n\r\n`);
  const send = text => socket.write(frame(TEXT, Buffer.from(text)));
  let bytes = Buffer.alloc(0);
  socket.on('data', more => {
    bytes = Buffer.concat([bytes, more]);
    for (;;) {
      const [next, used] = parse(bytes);
      if (used === 0) return;
      bytes = bytes.subarray(used);
      if (next === null || next.opcode === CLOSE) {
        return socket.end(frame(CLOSE, next === null ? closing(1009) : next.payload));
      }
      if (next.opcode === PING) socket.write(frame(PONG, next.payload));
      if (next.opcode === TEXT) onText(next.payload.toString(), send);
    }
  });
  socket.on('error', () => socket.destroy());
  return send;
}

/// Answers a handshake with no.
export function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}

function closing(code) {
  return Buffer.from([code >> 8, code & 255]);
}

function frame(opcode, payload) {
  const head = payload.length < 126 ? [0x80 | opcode, payload.length]
                                    : [0x80 | opcode, 126, payload.length >> 8, payload.length & 255];
  return Buffer.concat([Buffer.from(head), payload]);
}

/// [frame, bytes used]; 0 bytes: it is not whole yet. A frame of null is one that is too large.
function parse(bytes) {
  if (bytes.length < 2) return [null, 0];
  let size = bytes[1] & 0x7f;
  let at = 2;
  if (size === 126) {
    if (bytes.length < 4) return [null, 0];
    size = bytes.readUInt16BE(2);
    at = 4;
  }
  if (size === 127 || size > MOST) return [null, bytes.length];
  if (bytes.length < at + 4 + size) return [null, 0];
  const mask = bytes.subarray(at, at + 4);
  const payload = Buffer.from(bytes.subarray(at + 4, at + 4 + size));
  for (let i = 0; i < size; ++i) payload[i] ^= mask[i % 4];
  return [{opcode: bytes[0] & 15, payload}, at + 4 + size];
}
