import assert from 'node:assert/strict';
import {mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, before, test} from 'node:test';
import {ChatTab, Program, build, eventually, freePorts, launchBrowser, root} from './support.mjs';

let browser;
before(async () => { browser = await launchBrowser(); });
after(() => browser?.close());

/** Starts two replicas of the chat without weir. */
async function startReplicas() {
  const addresses = (await freePorts(2)).map(port => `127.0.0.1:${port}`);
  const start = async (listen, peer) => {
    const replica = new Program(`${build}/examples/weir_chat_server`, '--listen', listen, '--peer', peer);
    await replica.says('listening');
    return replica;
  };
  const [first, second] = addresses;
  return {
    urls: addresses.map(address => `http://${address}/`),
    replicas: [await start(first, second), await start(second, first)],
    restartSecond: () => start(second, first),
  };
}

test('people on two replicas hear each other, and a page reconnects by itself', async t => {
  const {urls, replicas, restartSecond} = await startReplicas();
  t.after(() => Promise.all(replicas.map(replica => replica.end())));
  const ann = await ChatTab.open(browser, urls[0], 'ann');
  const bob = await ChatTab.open(browser, urls[1], 'bob');

  await ann.say('hello bob');
  await bob.hears('ann', 'hello bob');
  await ann.hears('ann', 'hello bob');
  await bob.say('hello <b>ann</b>');
  await ann.hears('bob', 'hello <b>ann</b>');

  assert.equal(await replicas[1].end(), 0);
  replicas[1] = await restartSecond();
  await bob.connected(2);
  await ann.say('welcome back');
  await bob.hears('ann', 'welcome back');
  assert.equal(await ann.connections(), 1);
});

/** A copy of the example's manifests, with free ports in it. */
function copyManifests(ports) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-chat-'));
  const example = `${root}examples/chat`;
  for (const file of readdirSync(example).filter(name => name.endsWith('.yaml'))) {
    const text = readFileSync(`${example}/${file}`, 'utf8');
    writeFileSync(join(folder, file), text.replace(/\b900([123])\b/g, (_, n) => ports[n - 1]));
  }
  return folder;
}

/** Ingress `other` for one host, with its own Service; another change each time. */
function otherManifest(round, port) {
  return `
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: other}
spec:
  ingressClassName: weir
  rules:
    - host: round-${round}.localhost
      http:
        paths:
          - {path: /, pathType: Prefix, backend: {service: {name: other, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: other-1, labels: {kubernetes.io/service-name: other}}
addressType: IPv4
ports: [{port: ${port}}]
endpoints: [{addresses: [127.0.0.1]}, {addresses: [127.0.0.${round + 1}]}]
`;
}

/** The table is live once the new host is served: any answer but 404, which an unknown host gets. */
async function hostIsServed(request, port, host) {
  await eventually(`for ${host} to be served`, async () => {
    const answer = await request.get(`http://127.0.0.1:${port}/`, {headers: {host}, maxRedirects: 0});
    return answer.status() !== 404;
  });
}

test('two tabs keep talking while a manifest changes 20 times', async t => {
  const [chat1, chat2, echo, http, https, admin] = await freePorts(6);
  const manifests = copyManifests([chat1, chat2, echo]);
  t.after(() => rmSync(manifests, {recursive: true}));
  const weir = new Program(
    `${root}examples/chat/run`, '--manifests', manifests, '--chat', `${chat1},${chat2}`, '--echo', `${echo}`,
    '--http', `127.0.0.1:${http}`, '--https', `127.0.0.1:${https}`, '--admin', `127.0.0.1:${admin}`);
  t.after(() => weir.end());
  await weir.says('The chat:');
  const url = `https://localhost:${https}/`;

  const request = (await browser.newContext({ignoreHTTPSErrors: true})).request;
  const redirect = await request.get(`http://localhost:${http}/`, {maxRedirects: 0});
  assert.equal(redirect.status(), 308);
  assert.equal(redirect.headers().location, `https://localhost:${https}`);

  const ann = await ChatTab.open(browser, url, 'ann');
  const bob = await ChatTab.open(browser, url, 'bob');
  for (let round = 1; round <= 20; ++round) {
    // Written aside and renamed, as editors do it: never half a file.
    writeFileSync(join(manifests, '.other.tmp'), otherManifest(round, echo));
    renameSync(join(manifests, '.other.tmp'), join(manifests, 'other.yaml'));
    await hostIsServed(request, http, `round-${round}.localhost`);

    await ann.say(`ann ${round}`);
    await bob.hears('ann', `ann ${round}`);
    await bob.say(`bob ${round}`);
    await ann.hears('bob', `bob ${round}`);
  }
  assert.deepEqual([await ann.connections(), await bob.connections()], [1, 1]);

  assert.equal(await weir.end(), 0, weir.output);
});
