// What the tests with real clients start: a backend, weir on a folder of manifests, the clients.
//
// A client is a program that speaks WebSocket through its language's usual library. On stdin it reads
// a line of JSON for each connection that it is to open:
//   {"name": …, "url": …, "say": "…", "close": {"code": …, "reason": "…"}}
// It says "hello" and, when that came back, prints {"name": …, "event": "open"}. Then it sends `say`,
// and closes with `close`, where those are given. At the end it prints what the library says of it:
//   {"name": …, "event": "closed", "code": …, "reason": "…"}
// or "failed" for `closed` if that is no close of a WebSocket. Its first argument is the file with the
// certificate to trust; it ends with its stdin or by a signal.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {WebSocketServer} from 'ws';
import {Program, build, eventually, freePorts, launchBrowser} from '../browser/support.mjs';

/** Sends everything back. "close 4000 why" is answered by that close. */
export class Backend {
  ends = new Map(); // of its connections: {code, reason} by the query of the URL

  static async start() {
    const backend = new Backend();
    backend.server = new WebSocketServer({host: '127.0.0.1', port: 0});
    backend.server.on('connection', (socket, request) => {
      const name = new URL(request.url, 'ws://weir').search.slice(1);
      socket.on('message', (data, isBinary) => {
        const [, code, reason] = /^close (\d+) (.*)/.exec(data) ?? [];
        if (code) socket.close(Number(code), reason);
        else socket.send(data, {binary: isBinary});
      });
      socket.on('close', (code, reason) => backend.ends.set(name, {code, reason: `${reason}`}));
    });
    await once(backend.server, 'listening');
    return backend;
  }

  get port() { return this.server.address().port; }

  /** Resolves to what the connection's end was to the backend. */
  endOf(name) { return eventually(`for the backend's end of ${name}`, () => this.ends.get(name)); }

  async end() {
    for (const socket of this.server.clients) socket.terminate();
    await new Promise(done => this.server.close(done));
  }
}

/** A folder of manifests with a certificate for localhost, and weir on it. */
export class Weir {
  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'weir-clients-'));
    this.certificate = join(this.folder, 'localhost.crt');
    const key = join(this.folder, 'localhost.key');
    execFileSync('openssl', [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-days', '2',
      '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost',
      '-keyout', key, '-out', this.certificate], {stdio: 'pipe'});
    const base64 = file => readFileSync(file).toString('base64');
    this.write('secret.yaml', `
apiVersion: v1
kind: Secret
metadata: {name: localhost}
type: kubernetes.io/tls
data: {tls.crt: ${base64(this.certificate)}, tls.key: ${base64(key)}}
`);
  }

  /** Written aside and renamed, as editors do it: never half a file. */
  write(name, text) {
    writeFileSync(join(this.folder, `.${name}.tmp`), text);
    renameSync(join(this.folder, `.${name}.tmp`), join(this.folder, name));
  }

  remove(name) { rmSync(join(this.folder, name)); }

  /** A Service with one endpoint on this machine. */
  writeService(name, port, conditions = 'ready: true') {
    this.write(`${name}-service.yaml`, `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ${name}-1, labels: {kubernetes.io/service-name: ${name}}}
addressType: IPv4
ports: [{port: ${port}}]
endpoints: [{addresses: [127.0.0.1], conditions: {${conditions}}}]
`);
  }

  /** localhost/NAME to a Service, in plain and over TLS. */
  writeRoute(name, service, annotations) {
    const lines = Object.entries({'nginx.ingress.kubernetes.io/ssl-redirect': 'false', ...annotations})
      .map(([key, value]) => `    ${key}: ${JSON.stringify(value)}`);
    this.write(`${name}.yaml`, `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}
  annotations:
${lines.join('\n')}
spec:
  tls: [{hosts: [localhost], secretName: localhost}]
  rules:
    - host: localhost
      http:
        paths: [{path: /${name}, pathType: Exact, backend: {service: {name: ${service}, port: {number: 80}}}}]
`);
  }

  /** Resolves when it serves. */
  async start() {
    const [http, https, admin] = await freePorts(3);
    this.origins = {plain: `ws://localhost:${http}`, tls: `wss://localhost:${https}`};
    this.program = new Program(
      `${build}/bin/weirctl`, 'run', this.folder, '--http', `127.0.0.1:${http}`,
      '--https', `127.0.0.1:${https}`, '--admin', `127.0.0.1:${admin}`);
    await eventually('for weir to serve', async () => {
      if (this.program.child.exitCode !== null) throw new Error(this.program.output);
      return (await fetch(`http://127.0.0.1:${admin}/readyz`).catch(() => null))?.ok;
    });
  }

  async end() {
    const code = await this.program?.end();
    rmSync(this.folder, {recursive: true});
    return code;
  }
}

/** What a client has printed. */
class Reports {
  seen = new Map(); // by name and event

  add(report) { this.seen.set(`${report.name} ${report.event}`, report); }

  /** Resolves when the connection is open or over. */
  begun(name) {
    return this.one(`${name} to open`, name, ['open', 'closed', 'failed']);
  }

  /** Resolves to the report of the connection's end. */
  end(name) {
    return this.one(`${name} to end`, name, ['closed', 'failed']);
  }

  one(what, name, events) {
    return eventually(`for ${what}`, () => {
      this.check?.();
      return events.map(event => this.seen.get(`${name} ${event}`)).find(Boolean);
    });
  }
}

class ProgramClient extends Reports {
  constructor(command, ...args) {
    super();
    this.program = new Program(command, ...args);
    const lines = createInterface({input: this.program.child.stdout});
    lines.on('line', line => this.add(JSON.parse(line)));
  }

  check() {
    const {child, output} = this.program;
    assert.equal(child.exitCode ?? child.signalCode, null, `${child.spawnargs.join(' ')} ended:\n${output}`);
  }

  open(order) { this.program.child.stdin.write(`${JSON.stringify(order)}\n`); }
  async quit() { await this.program.end(); }
}

/** A page that does what the programs do. */
class BrowserClient extends Reports {
  static async start() {
    const client = new BrowserClient();
    client.browser = await launchBrowser();
    const context = await client.browser.newContext({ignoreHTTPSErrors: true});
    client.page = await context.newPage();
    await client.page.exposeFunction('tell', report => client.add(report));
    return client;
  }

  async open(order) {
    await this.page.evaluate(({name, url, say, close}) => {
      const socket = new WebSocket(url);
      socket.onopen = () => socket.send('hello');
      socket.onmessage = () => {
        socket.onmessage = null;
        window.tell({name, event: 'open'});
        if (say) socket.send(say);
        if (close) socket.close(close.code, close.reason);
      };
      socket.onclose = ({code, reason, wasClean}) => {
        // With something still unsent no close is clean to a browser, whatever the server did.
        const clean = wasClean || socket.bufferedAmount > 0;
        window.tell({name, event: clean ? 'closed' : 'failed', code, reason});
      };
    }, order);
  }

  async quit() { await this.browser.close(); }
}

/** All clients, by name. */
export async function startClients(certificate) {
  const here = name => fileURLToPath(new URL(name, import.meta.url));
  return {
    browser: await BrowserClient.start(),
    go: new ProgramClient(`${build}/tests/clients/go-client`, certificate),
    node: new ProgramClient(process.execPath, here('client.mjs'), certificate),
    python: new ProgramClient('/usr/bin/python3', here('client.py'), certificate),
  };
}
