// A terminal in the browser: a page over https, and a WebSocket that takes a line and answers with
// what it says. It knows three commands; a real one would run a shell. As many such servers do, it
// makes itself a certificate and takes WebSockets from its own pages only.
//
//   node server.mjs [--port 9443]

import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import https from 'node:https';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {parseArgs} from 'node:util';

import {accept, refuse} from '../node/websocket.mjs';

const {values} = parseArgs({options: {port: {type: 'string', default: '9443'}}});

const PAGE = `<!doctype html><title>web terminal</title>
<pre id=out></pre><form><input name=line autofocus size=80 placeholder="help"></form><script>
const out = document.getElementById('out');
const socket = new WebSocket('wss://' + location.host + '/socket');
const say = text => out.append(text + '\\n');
socket.onmessage = event => say(event.data);
socket.onclose = event => say('closed: ' + event.code + ' ' + event.reason);
document.forms[0].onsubmit = event => {
  event.preventDefault();
  say('$ ' + event.target.line.value);
  socket.send(event.target.line.value);
  event.target.reset();
};
</script>`;

function run(line) {
  const [command, ...words] = line.trim().split(/\s+/);
  if (command === 'date') return new Date().toISOString();
  if (command === 'echo') return words.join(' ');
  return 'commands: date, echo, help';
}

function selfSigned() {
  const folder = mkdtempSync(join(tmpdir(), 'web-terminal-'));
  const key = join(folder, 'key');
  const cert = join(folder, 'cert');
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
                             '-nodes', '-keyout', key, '-out', cert, '-days', '30',
                             '-subj', '/CN=terminal'], {stdio: 'pipe'});
    return {key: readFileSync(key), cert: readFileSync(cert)};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

const server = https.createServer(selfSigned(), (request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end(PAGE);
});
server.on('upgrade', (request, socket) => {
  // Only pages of the host under which the browser knows us.
  if (request.headers.origin !== `https://${request.headers.host}`) {
    return refuse(socket, '403 Forbidden');
  }
  accept(request, socket, (line, send) => send(run(line)));
});
server.listen(Number(values.port), '127.0.0.1',
              () => console.log(`listening on ${server.address().port}`));
