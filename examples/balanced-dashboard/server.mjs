// One member of a dashboard: a page, and a WebSocket that says once a second which member it is.
//
//   node server.mjs --port 9021 --name one

import http from 'node:http';
import {parseArgs} from 'node:util';

import {accept} from '../node/websocket.mjs';

const {values} = parseArgs({options: {port: {type: 'string', default: '9021'},
                                      name: {type: 'string', default: 'one'}}});

const PAGE = `<!doctype html><title>dashboard</title><h1 id=from></h1><pre id=out></pre><script>
const say = text => document.getElementById('out').prepend(text + '\\n');
const connect = () => {
  const socket = new WebSocket('ws://' + location.host + '/socket');
  socket.onmessage = event => document.getElementById('from').textContent = event.data;
  socket.onclose = event => {
    say('closed: ' + event.code + ' ' + event.reason);
    setTimeout(connect, 500);
  };
};
connect();
</script>`;

const server = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.setHeader('X-Member', values.name);
  response.end(PAGE);
});
server.on('upgrade', (request, socket) => {
  const send = accept(request, socket, () => {});
  if (!send) return;
  const tell = () => send(`from ${values.name}, ${new Date().toISOString()}`);
  tell();
  const timer = setInterval(tell, 1000);
  socket.on('close', () => clearInterval(timer));
});
server.listen(Number(values.port), '127.0.0.1',
              () => console.log(`listening on ${server.address().port}`));
