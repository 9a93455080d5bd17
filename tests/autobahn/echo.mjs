// Sends every message back as it came. Prints its port once it listens; ends with its stdin.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: 0,
  perMessageDeflate: false,
  // The suite sends up to 16 MiB, and 4 MiB in frames of 64 bytes: 0 is without a limit.
  maxPayload: 64 * 1024 * 1024,
  maxFragments: 0,
  maxBufferedChunks: 0,
});
server.on('listening', () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('error', () => {}); // ws has closed with the right code by then
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
process.stdin.resume().on('end', () => process.exit());
