// What the browser tests start and end: programs, free ports, the browser.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {createServer} from 'node:net';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {chromium} from 'playwright-core';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const build = process.env.WEIR_BUILD ?? `${root}build/release`;
const deadline = 60_000; // ms; generous, as only a broken program ever waits so long

/** `count` ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({length: count}, async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  }));
  const ports = servers.map(server => server.address().port);
  await Promise.all(servers.map(server => new Promise(done => server.close(done))));
  return ports;
}

/** Resolves to the first truthy value of `probe`; rejects at the deadline with `what`. */
export async function eventually(what, probe) {
  for (const end = Date.now() + deadline; ;) {
    const value = await probe();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${deadline / 1000} s: ${what}`);
    await pause(20);
  }
}

/** A program and what it wrote. */
export class Program {
  output = '';

  constructor(path, ...args) {
    if (!existsSync(path)) throw new Error(`${path} is not there: run 'make build' first`);
    this.child = spawn(path, args, {env: {...process.env, WEIR_BUILD: build}});
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream.on('data', data => { this.output += data; });
    }
    this.exited = once(this.child, 'exit');
  }

  async says(text) {
    await eventually(`for '${text}' from ${this.child.spawnfile}, which wrote:\n${this.output}`, () => {
      if (this.child.exitCode !== null) {
        throw new Error(`${this.child.spawnfile} ended with ${this.child.exitCode}:\n${this.output}`);
      }
      return this.output.includes(text);
    });
  }

  /** Asks it to end, and resolves to its exit code. */
  async end() {
    this.child.kill('SIGTERM');
    const [code] = await this.exited;
    return code;
  }
}

/** Debian's Chromium with a fresh profile, and nothing of its own on the network. */
export async function launchBrowser() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    throw new Error(`no ${executablePath}: run 'tools/install-packages test', or name one in CHROMIUM`);
  }
  return chromium.launch({
    executablePath,
    timeout: deadline,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
      '--disable-background-networking', '--disable-component-update', '--disable-dev-shm-usage',
    ],
  });
}

/** One tab of the chat, connected, under a name. */
export class ChatTab {
  static async open(browser, url, name) {
    const tab = new ChatTab();
    // An own context is an own profile, like another person's browser.
    const context = await browser.newContext({ignoreHTTPSErrors: true});
    tab.page = await context.newPage();
    tab.page.setDefaultTimeout(deadline);
    await tab.page.goto(url);
    await tab.page.fill('#name', name);
    await tab.connected(1);
    return tab;
  }

  async connections() {
    return Number(await this.page.getAttribute('html', 'data-connections'));
  }

  async connected(times) {
    await this.page.waitForSelector(`html[data-state=open][data-connections="${times}"]`);
    // The hello names the replica; only after it do this tab's messages have a room to go to.
    await this.page.waitForFunction(
      () => document.getElementById('state').textContent.includes('replica'));
  }

  async say(text) {
    await this.page.fill('#text', text);
    await this.page.click('button');
  }

  async hears(name, text) {
    await this.page.locator('#messages li').filter({hasText: `${name}${text}`}).waitFor();
  }
}
