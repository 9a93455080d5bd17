import assert from 'node:assert/strict';
import {after, before, test} from 'node:test';
import {Backend, Weir, startClients} from './support.mjs';

// Every way in which a tunnel ends with a Close frame. What a client's library says of it is `end`;
// `backendEnd` is what the backend's does.
const goingAway = reason => ({code: 1001, reason});
const paths = {
  idle: {
    annotations: {
      'weir.dev/tunnel-idle-timeout': '2s',
      'weir.dev/tunnel-close-code': '4001',
      'weir.dev/tunnel-close-reason': 'nobody spoke for 2 s',
    },
    end: {code: 4001, reason: 'nobody spoke for 2 s'},
  },
  duration: {
    annotations: {
      'weir.dev/tunnel-max-duration': '3s',
      'weir.dev/tunnel-close-code': '4002',
      'weir.dev/tunnel-close-reason': 'time is up, ça suffit',
    },
    end: {code: 4002, reason: 'time is up, ça suffit'},
  },
  route: {
    annotations: {'weir.dev/tunnel-drain-window': '0'},
    end: goingAway('the route has changed'),
  },
  endpoint: {
    service: 'leaving',
    annotations: {'weir.dev/tunnel-drain-window': '0'},
    end: goingAway('the server is going away'),
  },
  frame: {
    annotations: {'weir.dev/tunnel-max-frame': '64k'},
    order: {say: 'x'.repeat(2_000_000)}, // more than sockets hold: most of it is still to be sent
    end: {code: 1009, reason: 'frame too large'},
    backendEnd: goingAway('frame too large'),
  },
  client: {
    order: {close: {code: 1000, reason: 'that is all'}},
    end: {code: 1000, reason: 'that is all'},
  },
  backend: {
    order: {say: 'close 4000 the game is over'},
    end: {code: 4000, reason: 'the game is over'},
    backendEnd: {code: 4000}, // clients answer with the code; some leave the reason out
  },
  drain: {end: goingAway('the proxy is going away')},
};

let backend;
let clients = {};
const weir = new Weir();
let weirsExit;

/** Of every client, in plain and over TLS. */
const connections = path => Object.entries(clients).flatMap(([language, client]) =>
  Object.entries(weir.origins).map(([scheme, origin]) => {
    const name = `${path}-${language}-${scheme}`;
    return {name, client, url: `${origin}/${path}?${name}`};
  }));

before(async () => {
  backend = await Backend.start();
  for (const service of ['app', 'leaving']) weir.writeService(service, backend.port);
  for (const [name, {service = 'app', annotations = {}}] of Object.entries(paths)) {
    weir.writeRoute(name, service, annotations);
  }
  await weir.start();
  clients = await startClients(weir.certificate);
  for (const [path, {order}] of Object.entries(paths)) {
    for (const {name, client, url} of connections(path)) await client.open({name, url, ...order});
  }
});
after(async () => {
  await Promise.all(Object.values(clients).map(client => client.quit()));
  await (weirsExit ?? weir.end());
  await backend?.end();
});

/** The path's tunnels end as they should, after `cause` if it is given. */
async function tunnelsEnd(path, cause) {
  const {end, backendEnd = end} = paths[path];
  if (cause) {
    for (const {name, client} of connections(path)) assert.equal((await client.begun(name)).event, 'open');
    cause();
  }
  const seen = {};
  const expected = {};
  for (const {name, client} of connections(path)) {
    const {event, code, reason} = await client.end(name);
    const ofBackend = await backend.endOf(name);
    seen[name] = `${event} ${code} ${reason}; backend ${ofBackend.code} ${ofBackend.reason}`;
    expected[name] = `closed ${end.code} ${end.reason}; backend ${backendEnd.code} ` +
      `${backendEnd.reason ?? ofBackend.reason}`;
  }
  assert.deepEqual(seen, expected);
}

test('a client that is idle for too long', () => tunnelsEnd('idle'));
test('a tunnel that lasts too long', () => tunnelsEnd('duration'));
test('a frame that is too large', () => tunnelsEnd('frame'));
test("the client's own close", () => tunnelsEnd('client'));
test("the backend's own close", () => tunnelsEnd('backend'));
test('a route that is removed', () => tunnelsEnd('route', () => weir.remove('route.yaml')));
test('an endpoint that terminates', () => tunnelsEnd('endpoint', () => weir.writeService(
  'leaving', backend.port, 'ready: false, serving: true, terminating: true')));
test('the process drains', async () => {
  await tunnelsEnd('drain', () => { weirsExit = weir.end(); });
  assert.equal(await weirsExit, 0, weir.program.output);
});
