// A client of weir over ws; support.mjs says what it reads and prints.
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import WebSocket from 'ws';

const ca = readFileSync(process.argv[2]);
const tell = report => console.log(JSON.stringify(report));

function talk({name, url, say, close}) {
  // weir listens on IPv4 alone, and this library tries one address of localhost only.
  const socket = new WebSocket(url, {ca, family: 4});
  socket.on('open', () => socket.send('hello'));
  socket.once('message', () => {
    tell({name, event: 'open'});
    if (say) socket.send(say);
    if (close) socket.close(close.code, close.reason);
  });
  let problem = '';
  socket.on('error', error => { problem = ` (${error.message})`; });
  socket.on('close', (code, reason) => tell({name, event: 'closed', code, reason: `${reason}${problem}`}));
}

for await (const line of createInterface({input: process.stdin})) talk(JSON.parse(line));
