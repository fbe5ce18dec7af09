/** What the suites share: opened pages are closed, their errors fail the test; models are opened once. */
import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { openModel, type Model } from '../../../../src/onnx/index.ts';
import type { HostApi, WebviewApi } from '../../../../src/protocol.ts';
import { ModelHost, type ModelHostOptions } from './model-host.ts';
import {
  branchesFile,
  closeBrowser,
  fileBytes,
  openPage,
  type PageOptions,
  sampleFile,
  transformerFile,
} from './open-page.ts';

export const gib = 2 ** 30;

/** How long something that will happen may take on a machine that is busy with other work. */
const patienceMs = 30_000;

after(closeBrowser);

const models = new Map<string, Promise<Model>>();

function model(file: string): Promise<Model> {
  const known = models.get(file) ?? openModel(file);
  models.set(file, known);
  return known;
}

async function hostOf(file: string, options: Partial<ModelHostOptions>): Promise<ModelHost> {
  const fileName = file.slice(file.lastIndexOf('/') + 1);
  return new ModelHost(await model(file), {
    fileName,
    fileBytes: fileBytes(file),
    budgetBytes: 8 * gib,
    ...options,
  });
}

/** The CNN that comes with the project: ten layers. */
export const sampleHost = (options: Partial<ModelHostOptions> = {}): Promise<ModelHost> =>
  hostOf(sampleFile, options);

/** A transformer encoder with 38 layers. */
export const transformerHost = (options: Partial<ModelHostOptions> = {}): Promise<ModelHost> =>
  hostOf(transformerFile, options);

/** A voice detector of which nearly all is inside branches of an If, for two sampling rates. */
export const branchesHost = (options: Partial<ModelHostOptions> = {}): Promise<ModelHost> =>
  hostOf(branchesFile, options);

export interface Editor {
  readonly page: Page;
  /** The page's own methods. */
  readonly remote: WebviewApi;
  readonly grid: Locator;
  /** Rows that exist as elements, top to bottom. */
  readonly rows: Locator;
  readonly row: (name: string) => Locator;
  /** Text of a row's cell, e.g. '36.4 KiB'. */
  readonly cell: (name: string, column: string) => Promise<string>;
  readonly names: () => Promise<string[]>;
  readonly tab: (name: string) => Promise<void>;
}

/** Opens the page on a host, runs the test, closes; errors in the page fail the test. */
export async function withEditor(
  host: HostApi,
  options: PageOptions,
  test: (editor: Editor) => Promise<void>,
): Promise<void> {
  const opened = await openPage(host, options);
  if (host instanceof ModelHost) host.page = opened.remote;
  try {
    await test(editorOf(opened.page, opened.remote));
    assert.deepEqual(opened.errors, []);
  } finally {
    await opened.close();
  }
}

function editorOf(page: Page, remote: WebviewApi): Editor {
  const row = (name: string): Locator =>
    page.locator('.grid-row.layer').filter({ has: page.locator('.name', { hasText: exactly(name) }) });
  return {
    page,
    remote,
    grid: page.locator('#layer-grid'),
    rows: page.locator('.grid-row.layer'),
    row,
    cell: async (name, column) => plain((await row(name).locator(`.cell-${column}`).textContent()) ?? ''),
    names: () => page.locator('.grid-row.layer .name').evaluateAll((all) => all.map((e) => e.textContent)),
    tab: (name) => page.click(`#tab-${name}`),
  };
}

/** Text that is this and nothing more. */
export function exactly(text: string): RegExp {
  return new RegExp(`^${text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`);
}

/** Any white space as one space. */
export function plain(text: string): string {
  return text.replace(/[\s\u202f]+/g, ' ').trim();
}

/** Waits until something holds. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `did not happen: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Waits until the text of an element is as expected. */
export async function textBecomes(locator: Locator, expected: string | RegExp): Promise<void> {
  const deadline = Date.now() + patienceMs;
  let text = '';
  while (Date.now() < deadline) {
    text = plain((await locator.first().textContent()) ?? '');
    if (typeof expected === 'string' ? text === expected : expected.test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (typeof expected === 'string') assert.equal(text, expected);
  else assert.match(text, expected);
}

/**
 * Milliseconds of processor time of the page's longest task while something is done, from a trace: unlike time by the
 * clock they do not grow where the machine is busy with other work.
 */
export async function longestTask(page: Page, work: () => Promise<unknown>): Promise<number> {
  const browser = page.context().browser();
  assert.ok(browser !== null);
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await work();
  const trace = JSON.parse((await browser.stopTracing()).toString()) as {
    readonly traceEvents: readonly TraceEvent[];
  };
  const mains = new Set(
    trace.traceEvents
      .filter((e) => e.name === 'thread_name' && e.args?.name === 'CrRendererMain')
      .map((e) => `${e.pid} ${e.tid}`),
  );
  const tasks = trace.traceEvents.filter((e) => e.tdur !== undefined && mains.has(`${e.pid} ${e.tid}`));
  assert.ok(tasks.length > 0, 'the trace holds tasks of the page');
  return tasks.reduce((longest, e) => Math.max(longest, e.tdur ?? 0), 0) / 1000;
}

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds on the processor. */
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}
