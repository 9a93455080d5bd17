// Three small servers behind one name: an application, a WebSocket server for its pages, and the
// service that knows which tokens are good.
//
//   node server.mjs [--app 9011] [--socket 9012] [--auth 9013]

import http from 'node:http';
import {parseArgs} from 'node:util';

import {accept} from '../node/websocket.mjs';

const {values} = parseArgs({options: {app: {type: 'string', default: '9011'},
                                      socket: {type: 'string', default: '9012'},
                                      auth: {type: 'string', default: '9013'}}});
const USERS = {'let-me-in': 'ada', 'me-too': 'grace'};

const app = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/plain');
  response.end(`the application on ${request.headers.host}: ${request.url}\n`);
});

const socket = http.createServer((request, response) => {
  response.end('a WebSocket server\n');
});
socket.on('upgrade', (request, connection) => {
  const who = request.headers['x-user'] ?? 'nobody';
  const greet = accept(request, connection, (text, send) => send(`${who}: ${text}`));
  greet?.(`hello ${who}, on ${request.headers.host}${request.url}`);
});

// Asked about every request to the WebSocket server: 200 and a name, or 401.
const auth = http.createServer((request, response) => {
  const original = new URL(request.headers['x-original-url'] ?? 'http://none/');
  const bearer = request.headers.authorization?.replace(/^Bearer /, '');
  const user = USERS[bearer ?? original.searchParams.get('token')];
  response.statusCode = user ? 200 : 401;
  if (user) response.setHeader('X-User', user);
  response.end();
});

for (const [name, server] of Object.entries({app, socket, auth})) {
  server.listen(Number(values[name]), '127.0.0.1',
                () => console.log(`${name} listening on ${server.address().port}`));
}
