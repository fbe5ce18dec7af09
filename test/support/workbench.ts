/** A real VS Code with the extension in it, driven in a browser as a person would. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Browser, FrameLocator, Locator, Page } from 'playwright-core';
import { startBrowser } from './vscode-browser.ts';
import { startServer, type Server } from './vscode-server.ts';
import { projectRoot } from './vscode-setup.ts';

const screenshots = path.join(projectRoot, '.cache/screenshots');

export interface WorkbenchOptions {
  /** Puts files into the workspace before it is opened. */
  readonly fill: (workspace: string) => Promise<void>;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Display language of VS Code and so of the extension, e.g. 'zh-cn'. */
  readonly locale?: string;
}

export class Workbench {
  readonly page: Page;
  readonly workspace: string;
  /** Addresses outside this machine that the page asked for. */
  readonly outside = new Set<string>();
  readonly #browser: Browser;
  readonly #server: Server;
  /** What the page said in its console, of this window and of every page inside it. */
  readonly #console: string[] = [];

  private constructor(browser: Browser, page: Page, server: Server, workspace: string) {
    this.#browser = browser;
    this.page = page;
    this.#server = server;
    this.workspace = workspace;
    page.on('console', (message) => this.#console.push(`${message.type()}: ${message.text()}`));
    page.on('request', (request) => {
      const url = request.url();
      // vscode-resource: the extension's own files, answered by VS Code's service worker
      const isInside = /^(data|blob):|^https:\/\/[^/]+\.vscode-resource\.vscode-cdn\.net\//.test(url);
      if (!isInside && !url.startsWith(`http://${server.host}/`)) this.outside.add(url);
    });
  }

  static async start(options: WorkbenchOptions): Promise<Workbench> {
    const workspace = await mkdtemp(path.join(tmpdir(), 'vram-lens-e2e-'));
    await options.fill(workspace);
    const server = await startServer({
      // the theme follows the page, so that one window is seen in both
      settings: { 'window.autoDetectColorScheme': true, ...options.settings },
    });
    const { browser, page } = await startBrowser({ colorScheme: 'dark' });
    page.setDefaultTimeout(60_000); // a machine that is busy with other work is not a fault
    const workbench = new Workbench(browser, page, server, workspace);
    if (options.locale !== undefined) {
      // as a language pack does; the workbench's own words stay English without one
      await page.addInitScript(`globalThis._VSCODE_NLS_LANGUAGE = ${JSON.stringify(options.locale)}`);
    }
    await page.goto(
      server.url(workspace, [
        ['extensionDevelopmentPath', server.uri(projectRoot)],
        ['skipWelcome', 'true'],
      ]),
    );
    await workbench.file(/./).first().waitFor({ timeout: 60_000 });
    await workbench.#extensionIsKnown();
    return workbench;
  }

  /** A file opened before VS Code knows the extension would be shown as text. */
  async #extensionIsKnown(): Promise<void> {
    const end = Date.now() + 60_000;
    for (;;) {
      await this.#palette('VRAM Lens: Show Log');
      const isThere = await this.pick('VRAM Lens: Show Log')
        .waitFor({ timeout: 1000 })
        .then(() => true)
        .catch(() => false);
      await this.page.keyboard.press('Escape');
      if (isThere) return;
      if (Date.now() > end) throw new Error(`VS Code does not know the extension.\n${this.#server.log()}`);
    }
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    await this.#server.stop();
    await rm(this.workspace, { recursive: true, force: true });
  }

  /** A row of the Explorer. */
  file(name: string | RegExp): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  }

  /** The page of the memory editor in the active group. */
  get editor(): FrameLocator {
    const outer = this.page.locator('iframe.webview.ready').last().contentFrame();
    return outer.locator('iframe#active-frame').contentFrame();
  }

  /** By double click in the Explorer; again where the Explorer, still being drawn, has not taken it. */
  async open(name: string): Promise<void> {
    const tab = this.page.locator('.tab.active', { hasText: name });
    for (let attempt = 0; attempt < 3; attempt++) {
      await this.file(name).dblclick();
      const isOpen = await tab
        .first()
        .waitFor({ timeout: 5000 })
        .then(() => true)
        .catch(() => false);
      if (isOpen) return;
    }
    throw new Error(`${name} was not opened.`);
  }

  /** Runs a command by its title, as in the Command Palette. */
  async command(title: string): Promise<void> {
    await this.#palette(title);
    await this.pick(title).click();
  }

  async #palette(text: string): Promise<void> {
    await this.page.keyboard.press('F1');
    const input = this.page.locator('.quick-input-widget input.input');
    await input.waitFor({ state: 'visible' });
    await input.fill(`>${text}`);
  }

  /** Entries of the open Quick Pick. */
  pick(text: string | RegExp): Locator {
    return this.page.locator('.quick-input-list .monaco-list-row', { hasText: text }).first();
  }

  /** Answers the input box that is open or about to be. */
  async answer(text: string): Promise<void> {
    const input = this.page.locator('.quick-input-widget:not(.show-checkboxes) .quick-input-box input');
    await this.page.locator('.quick-input-widget .quick-input-message', { hasText: /Enter/ }).waitFor();
    await input.fill(text);
    await input.press('Enter');
  }

  /** Chooses an entry of a context menu. */
  async menu(target: Locator, entry: string): Promise<void> {
    await target.click({ button: 'right' });
    const item = this.page
      .locator('.monaco-menu .action-label, .context-view .action-label', { hasText: entry })
      .first();
    await item.waitFor();
    // a menu does not take a click that comes right after the one that opened it
    for (let attempt = 0; attempt < 3 && (await item.isVisible()); attempt++) {
      await this.page.waitForTimeout(400);
      await item.click({ timeout: 2000 }).catch(() => undefined); // gone meanwhile: it was taken
      await item.waitFor({ state: 'hidden', timeout: 2000 }).catch(() => undefined);
    }
  }

  async closeAllEditors(): Promise<void> {
    await this.command('View: Close All Editors');
    const dontSave = this.page.locator('.monaco-dialog-box .monaco-button', { hasText: /Don.t Save/ });
    const none = this.page.locator('.editor-group-container.empty');
    await dontSave.or(none).first().waitFor();
    if (await dontSave.isVisible()) await dontSave.click(); // asked only where something is unsaved
  }

  /** After a try that failed: a screenshot, and on the console what a person would look at first. */
  async explain(
    test: { readonly title: string; readonly state?: string | undefined } | undefined,
  ): Promise<void> {
    if (test === undefined || test.state === 'passed') return;
    await this.snapshot(`failed-${test.title.replaceAll(/\W+/g, '-').slice(0, 40)}`);
    const texts = (selector: string): Promise<string[]> => this.page.locator(selector).allInnerTexts();
    const frames = this.page.frames().map((f) => f.url().replace(/\?.*/, ''));
    console.log(
      [
        `tabs: ${(await texts('.tab')).join(' | ')}`,
        `notifications: ${(await texts('.notification-list-item-message')).join(' | ')}`,
        `pages in editors: ${await this.page.locator('iframe.webview').count()}, frames: ${frames.join(' ')}`,
        ...['console:', ...this.#console.slice(-30)],
        ...['server:', this.#server.log().slice(-2000)],
      ].join('\n'),
    );
  }

  /** As it is now, to look at where a test fails. */
  async snapshot(name: string): Promise<void> {
    mkdirSync(screenshots, { recursive: true });
    await this.page.screenshot({ path: path.join(screenshots, `${name}.png`) });
  }

  /** Both themes, as `name-dark.png` and `name-light.png`. */
  async screenshot(name: string, folder: string): Promise<void> {
    mkdirSync(folder, { recursive: true });
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      await this.page.waitForTimeout(700); // the theme fades in over the next frames, parts of it slowly
      await this.page.waitForFunction(
        () => !document.getAnimations().some((a) => a instanceof CSSTransition && a.playState === 'running'),
      );
      await this.page.screenshot({ path: path.join(folder, `${name}-${colorScheme}.png`) });
    }
  }
}
