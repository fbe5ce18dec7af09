import assert from 'node:assert/strict';
import type { EditorView, ErrorView, HostApi } from '../../../src/protocol.ts';
import { plain, sampleHost, textBecomes, transformerHost, withEditor } from './support/harness.ts';
import type { ModelHost } from './support/model-host.ts';

const broken: ErrorView = {
  fileName: 'cut.onnx',
  title: 'The file ends too early',
  message: 'Field graph (7) of ModelProto says it has 629,102 bytes, but only 4,096 are left.',
  details: [
    { label: 'File', value: '/models/cut.onnx' },
    { label: 'Offset', value: '0x1f (31)' },
  ],
  advice: 'The download was probably cut short: fetch the file again.',
};

describe('webview: a broken file', () => {
  it('says what is wrong, where, and what to do; opens it once it is whole', async () => {
    const host = await sampleHost();
    const open = host.open.bind(host);
    const asBroken: HostApi['open'] = () => Promise.resolve({ kind: 'error', view: broken });
    Reflect.set(host, 'open', asBroken);
    await withEditor(host, {}, async ({ page, rows, remote }) => {
      await page.getByRole('heading', { name: broken.title }).waitFor();
      const text = plain(await page.locator('.error-page').innerText());
      for (const part of [broken.fileName, broken.message, '0x1f (31)', broken.advice])
        assert.ok(text.includes(part));
      host.open = open;
      await remote.reload();
      await rows.first().waitFor();
      Reflect.set(host, 'open', asBroken);
      await remote.reload();
      await page.getByRole('heading', { name: broken.title }).waitFor();
      host.open = open;
      await page.getByRole('button', { name: 'Try Again' }).click();
      await rows.first().waitFor();
    });
  });

  it('shows the bones of the page until the host answers', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    let answer = (): void => undefined;
    host.open = () =>
      new Promise((resolve) => {
        answer = () => resolve({ kind: 'model', view });
      });
    await withEditor(host, {}, async ({ page, rows }) => {
      await page.getByRole('status', { name: 'Reading the model …' }).waitFor();
      answer();
      await rows.first().waitFor();
      assert.equal(await page.locator('.bone').count(), 0);
    });
  });
});

/** As the host gives it: what the file says, and nothing that is computed. */
function earlyOf(view: EditorView): EditorView {
  const { symbols, ep, totals, layers, isDirty } = view.estimate;
  const unknown = { activationBytes: undefined, macs: undefined, outputShape: '', nodes: undefined };
  return {
    ...view,
    devices: [],
    estimate: {
      ...{ isEarly: true, symbols, ep, isDirty, edits: [] },
      totals: {
        ...{ parameterCount: totals.parameterCount, parameterBytes: totals.parameterBytes },
        ...{ deviceWeightsBytes: undefined, peakActivationBytes: undefined, workspaceBytes: undefined },
        ...{ overheadBytes: undefined, totalPeakBytes: undefined, notes: [], atLeast: false },
      },
      layers: layers.map((l) => ({ ...l, ...unknown, canQuantize: false, canPrune: false })),
      timeline: { aliveBytes: [], nodes: [], layerOfStep: [], peakStep: 0, peakBytes: 0, peakTensors: [] },
    },
  };
}

describe('webview: figures that take time', () => {
  async function slowHost(): Promise<{ host: ModelHost; answer: () => void }> {
    const host = await transformerHost();
    const { view } = await host.open();
    let answer = (): void => undefined;
    host.openEarly = () => Promise.resolve(earlyOf(view));
    host.open = () =>
      new Promise((resolve) => {
        answer = () => resolve({ kind: 'model', view });
      });
    return { host, answer: () => answer() };
  }

  for (const [width, locale] of [
    [1280, 'en'],
    [1280, 'zh-cn'],
    [640, 'en'],
  ] as const) {
    it(`come into their places: nothing moves (${width} px, ${locale})`, async () => {
      const { host, answer } = await slowHost();
      await withEditor(host, { width, locale }, async ({ page, rows }) => {
        await rows.first().waitFor();
        const places = async () =>
          JSON.parse(
            await page.evaluate<string>(`JSON.stringify([
              ...[...document.querySelectorAll('.top-bar, .summary, .legend > div, .headline, .tab-bar, .pane-tools')],
              ...[...document.querySelectorAll('.grid-row .cell')],
            ].map((e) => [e, e.getBoundingClientRect()])
              .map(([e, b]) => [e.classList[0] ?? 'legend', b.y, b.height, ...(e.matches('.cell') ? [b.x, b.width] : [])].join(' ')))`),
          ) as unknown;
        const before = await places();
        assert.equal(await page.locator('#layer-grid').getAttribute('aria-busy'), 'true');
        answer();
        await page.locator('#layer-grid[aria-busy=false]').waitFor();
        assert.deepEqual(await places(), before);
        assert.equal(await page.locator('.early').count(), 0);
      });
    });
  }

  it('are marked as such, by no zero, and what needs them waits', async () => {
    const { host, answer } = await slowHost();
    const first = host.estimateNow().layers.find((l) => l.canQuantize) ?? assert.fail();
    await withEditor(host, {}, async ({ page, rows, row, tab }) => {
      await rows.first().waitFor();
      const text = plain(await page.locator('.summary, .fit, .grid-body').allInnerTexts().then((all) => all.join(' '))); // prettier-ignore
      assert.ok(!/(^| )0 (B|bytes)|unknown|≥/.test(text), text);
      assert.equal(await rows.first().locator('.cell-activations .early').count(), 1);
      await row(first.name).click();
      const quantize = page.locator('.selection-tools').getByRole('button', { name: 'Quantize' });
      assert.equal(await quantize.getAttribute('title'), 'Calculating …');
      await tab('timeline');
      await page.locator('.pane').getByText('Calculating …').waitFor();
      answer();
      await page.locator('.pane-timeline canvas').first().waitFor();
      await tab('layers');
      await row(first.name).click();
      assert.equal(await quantize.isEnabled(), true);
    });
  });

  it('decide where the table is sorted by them: then it waits', async () => {
    const { host, answer } = await slowHost();
    const sort = { column: 'activations', isDescending: true };
    await withEditor(host, { viewState: { sort } }, async ({ page, rows }) => {
      await page.getByRole('status', { name: 'Reading the model …' }).waitFor();
      assert.equal(await rows.count(), 0);
      answer();
      await rows.first().waitFor();
    });
  });
});

/** What the page does so that each method is called, and the message it shows when that method throws. */
const cases: readonly [
  method: keyof HostApi,
  act: (editor: Parameters<Parameters<typeof withEditor>[2]>[0]) => Promise<void>,
  message: string,
][] = [
  [
    'setDims',
    ({ page }) => page.getByRole('button', { name: 'batch 8', exact: true }).click(),
    'Could not calculate for these dims',
  ],
  [
    'setEp',
    async ({ page }) => {
      await page.getByLabel('EP').selectOption('cuda');
    },
    'Could not calculate for this execution provider',
  ],
  [
    'quantize',
    async ({ page }) => {
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      await page.locator('.preview-figures').waitFor();
      await page.keyboard.press('Enter');
    },
    'Could not quantize',
  ],
  [
    'prune',
    async ({ page }) => {
      await page.locator('.selection-tools').getByRole('button', { name: 'Prune…' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Prune', exact: true }).click();
    },
    'Could not prune',
  ],
  [
    'openTextView',
    ({ page }) => page.getByRole('button', { name: 'Open as Text' }).click(),
    'Could not open the text view',
  ],
  [
    'checkAccuracy',
    ({ page }) => page.getByRole('button', { name: 'Check Accuracy…' }).click(),
    'Could not check the accuracy',
  ],
  ['saveViewState', ({ tab }) => tab('treemap'), 'Could not remember the view'],
];

describe('webview: a host that throws', () => {
  for (const [method, act, message] of cases) {
    it(`${method}: shows the message, takes the next request`, async () => {
      const host = await sampleHost();
      Reflect.set(host, method, () => Promise.reject(new Error(`${method} is broken`)));
      await withEditor(host, {}, async (editor) => {
        const { page, row } = editor;
        await row('fc1').click();
        await act(editor);
        await textBecomes(page.locator('.notice.error'), `${message}: ${method} is broken`);
        assert.equal(await page.locator('.progress.running').count(), 0, 'nothing is under way any more');
        await page.getByRole('button', { name: 'Dismiss' }).first().click({ force: true });
        await page.keyboard.press('Escape');
        assert.equal(await page.getByRole('spinbutton', { name: 'batch' }).inputValue(), '1');
      });
    });
  }

  it('open: says so in place of the editor', async () => {
    const host = await sampleHost();
    host.open = () => Promise.reject(new Error('the document is gone'));
    await withEditor(host, {}, async ({ page }) => {
      await page.getByRole('heading', { name: 'The model could not be opened' }).waitFor();
      await page.getByText('the document is gone').waitFor();
    });
  });

  it('preview: says so in the dialog, and does not apply', async () => {
    const host = await sampleHost();
    host.preview = () => Promise.reject(new Error('no preview'));
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
      await textBecomes(page.locator('.preview [role=alert]'), 'no preview');
      assert.equal(await page.getByRole('button', { name: 'Quantize', exact: true }).isDisabled(), true);
    });
  });

  it('describeLayer: says so in the details', async () => {
    const host = await sampleHost();
    host.describeLayer = () => Promise.reject(new Error('no facts'));
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      await textBecomes(page.locator('.inspector [role=alert]'), 'no facts');
    });
  });

  it('largestBatch: says so in the gauge', async () => {
    const host = await sampleHost();
    host.largestBatch = () => Promise.reject(new Error('no answer'));
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().waitFor();
      await textBecomes(page.locator('.fit-largest'), 'no answer');
      assert.equal(await page.locator('.fit-largest').getAttribute('title'), 'no answer');
    });
  });

  it('shows the estimate that came meanwhile where its own request failed', async () => {
    const host = await sampleHost();
    let fail = (): void => undefined;
    host.setDims = () =>
      new Promise((_resolve, reject) => {
        fail = () => reject(new Error('no'));
      });
    await withEditor(host, {}, async ({ page, rows, remote }) => {
      await rows.first().waitFor();
      await page.getByRole('button', { name: 'batch 8', exact: true }).click();
      await page.waitForTimeout(50);
      const now = host.estimateNow();
      await remote.estimateChanged({ ...now, symbols: now.symbols.map((s) => ({ ...s, value: 5 })) });
      await page.waitForTimeout(50);
      assert.equal(plain(await page.locator('.peak-at').innerText()), 'batch 1 · CPU');
      fail();
      await textBecomes(page.locator('.peak-at'), 'batch 5 · CPU');
    });
  });
});
