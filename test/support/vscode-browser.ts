/** The Chromium that the tests drive: the system's own, installed by apt-get where there is none. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';

const candidates = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** Path of a Chromium; `CHROMIUM_PATH` wins. Undefined where there is none. */
export function chromiumPath(): string | undefined {
  return [process.env['CHROMIUM_PATH'], ...candidates].find((p) => p !== undefined && existsSync(p));
}

/** @throws Error that says what to do where no Chromium is there and none can be installed. */
export function ensureChromium(): void {
  if (chromiumPath() !== undefined) return;
  const byHand = 'Install one (Debian: `apt-get install chromium`) or name it in CHROMIUM_PATH.';
  if (!has('apt-get')) throw new Error(`No Chromium found, and no apt-get to install it with. ${byHand}`);
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !has('sudo')) {
    throw new Error(`No Chromium found; installing it needs root, and there is no sudo. ${byHand}`);
  }
  console.log('Installing chromium with apt-get …');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]): void => {
    const [file, rest] = isRoot ? ['apt-get', args] : ['sudo', ['-E', 'apt-get', ...args]];
    const done = spawnSync(file, rest, {
      env,
      stdio: ['inherit', 'pipe', 'pipe'],
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (done.status !== 0)
      throw new Error(`\`${['apt-get', ...args].join(' ')}\` failed. ${byHand}\n${done.stderr.slice(-2000)}`);
  };
  apt('update', '-q');
  apt('install', '-y', '-q', '--no-install-recommends', 'chromium', 'fonts-dejavu-core');
  if (chromiumPath() === undefined)
    throw new Error(`apt-get installed chromium, but it is not found. ${byHand}`);
}

export interface BrowserPage {
  readonly browser: Browser;
  readonly page: Page;
}

/** A headless page that asks nothing of the network by itself. */
export async function startBrowser(options: BrowserContextOptions = {}): Promise<BrowserPage> {
  const executablePath = chromiumPath();
  if (executablePath === undefined)
    throw new Error('No Chromium; run `node --import=tsx test/support/setup-vscode.ts`.');
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox', // the tests may run as root, as in a container
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  return { browser, page: await context.newPage() };
}

function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0;
}
