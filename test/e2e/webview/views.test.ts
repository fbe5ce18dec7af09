import assert from 'node:assert/strict';
import { formatBytes } from '../../../src/format.ts';
import { sampleCheck } from './support/checks.ts';
import type { TimelineView } from '../../../src/protocol.ts';
import {
  exactly,
  plain,
  sampleHost,
  textBecomes,
  transformerHost,
  until,
  withEditor,
} from './support/harness.ts';

function heldBytes({ aliveBytes, workspaceBytes = [] }: TimelineView): number[] {
  return aliveBytes.map((bytes, step) => bytes + (workspaceBytes[step] ?? 0));
}

describe('webview: timeline', () => {
  it('marks the peak, lists its tensors, goes step by step and to the layer', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await tab('timeline');
      const { timeline, layers } = host.estimateNow();
      const held = heldBytes(timeline);
      const peakStep = held.indexOf(Math.max(...held));
      const slider = page.getByRole('slider', { name: 'Memory at each step' });
      assert.equal(await slider.getAttribute('aria-valuenow'), String(peakStep + 1));
      await textBecomes(page.locator('.alive h2'), /^Alive at the peak/);
      await textBecomes(page.locator('.alive h2 .amount'), formatBytes(held[peakStep] ?? 0));
      const tensors = await page.locator('.alive li .tensor-name').allInnerTexts();
      assert.equal(peakStep, timeline.peakStep);
      const workspace = { name: 'Workspace', bytes: timeline.workspaceBytes?.[peakStep] ?? 0 };
      const largestFirst = [...timeline.peakTensors, workspace].sort((a, b) => b.bytes - a.bytes);
      assert.deepEqual(
        tensors,
        largestFirst.map((alive) => alive.name),
      );
      await textBecomes(
        page.locator('.alive li', { hasText: 'Workspace' }).locator('.amount'),
        formatBytes(workspace.bytes),
      );
      assert.deepEqual(await page.locator('.timeline-legend li').allInnerTexts(), [
        'Activations',
        'Workspace',
      ]);
      await slider.focus();
      await page.keyboard.press('ArrowRight');
      assert.equal(
        await slider.getAttribute('aria-valuetext'),
        `Step ${peakStep + 2}: ${formatBytes(held[peakStep + 1] ?? 0)}`,
      );
      await page.getByRole('button', { name: 'Go to Peak' }).click();
      const peakLayer = layers[timeline.layerOfStep[peakStep] ?? -1];
      await textBecomes(page.locator('.inspector-name'), peakLayer?.name ?? '');
      await page.locator('.alive h2 .link').click();
      await page.locator('.grid-row.selected .name', { hasText: exactly(peakLayer?.name ?? '') }).waitFor();
    });
  });

  it('names the buffers that WebGPU keeps where there are any: under the peak, and as a band of the timeline', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      const peak = page.locator('.peak .legend > div');
      const bands = (): Promise<string[]> => page.locator('.timeline-legend li').allInnerTexts();
      const names = ['Weights', 'Activations', 'Workspace'];
      assert.deepEqual(await peak.locator('dt').allInnerTexts(), [...names, 'Overhead']);
      await page.locator('.top-bar select').selectOption('webgpu');
      const kept = peak.filter({ hasText: 'Kept buffers' });
      await kept.waitFor();
      const { totals } = host.estimateNow();
      assert.ok(totals.keptBuffersBytes !== undefined && totals.keptBuffersBytes > 0);
      await textBecomes(kept.locator('dd'), formatBytes(totals.keptBuffersBytes));
      assert.deepEqual(await peak.locator('dt').allInnerTexts(), [...names, 'Kept buffers', 'Overhead']);
      await tab('timeline');
      assert.deepEqual(await bands(), ['Activations']);
      await page.getByLabel('With weights and overhead').check();
      await page.locator('.timeline-legend .cause-buffers').waitFor();
      assert.deepEqual(await bands(), ['Weights', 'Activations', 'Kept buffers', 'Overhead']);
      // each in a colour of its own, which the band of the plot has, too
      const colours = await page
        .locator('.timeline-legend .swatch')
        .evaluateAll((all) => all.map((swatch) => getComputedStyle(swatch).backgroundColor));
      assert.equal(new Set(colours).size, 4);
      await page.locator('.top-bar select').selectOption('cpu');
      await kept.waitFor({ state: 'detached' });
      assert.deepEqual(await bands(), ['Weights', 'Activations', 'Workspace', 'Overhead']);
    });
  });

  it('tells the step under the mouse, takes a click, zooms by dragging and back', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await tab('timeline');
      const plot = page.locator('.u-over');
      const box = await plot.boundingBox();
      assert.ok(box !== null);
      const { timeline, layers } = host.estimateNow();
      const steps = timeline.aliveBytes.length;
      const x = (step: number): number => box.x + ((step + 0.5) / steps) * box.width;
      const y = box.y + box.height / 2;
      await page.mouse.move(x(30), y);
      const tooltip = page.locator('.tooltip');
      await textBecomes(
        tooltip.locator('.tooltip-line').first(),
        `step 31 of ${steps} ${formatBytes(heldBytes(timeline)[30] ?? 0)}`,
      );
      await page.mouse.click(x(30), y);
      await textBecomes(page.locator('.inspector-name'), layers[timeline.layerOfStep[30] ?? -1]?.name ?? '');
      await page.mouse.move(x(40), y);
      await page.mouse.down();
      await page.mouse.move(x(60), y, { steps: 4 });
      await page.mouse.up();
      const reset = page.getByRole('button', { name: 'Show All Steps' });
      await reset.waitFor();
      // twenty steps over the whole width: its middle is step 50 or so
      await page.mouse.move(x(steps / 2), y);
      await textBecomes(tooltip.locator('.tooltip-line').first(), /^step (49|50|51|52) of/);
      await reset.click();
      await reset.waitFor({ state: 'detached' });
    });
  });

  it('lists the tensors of any step where the host tells their lifetimes', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    const { timeline } = view.estimate;
    const tensors = [
      { name: 'early', bytes: 4096, firstStep: 0, lastStep: 1, producer: undefined },
      { name: 'late', bytes: 8192, firstStep: 1, lastStep: 2, producer: timeline.nodes[1] },
    ];
    host.open = () =>
      Promise.resolve({
        kind: 'model',
        view: { ...view, estimate: { ...view.estimate, timeline: { ...timeline, tensors } } },
      });
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await tab('timeline');
      await page.getByRole('slider').focus();
      const names = (): Promise<string[]> => page.locator('.alive li .tensor-name').allInnerTexts();
      await page.keyboard.press('Home');
      assert.deepEqual(await names(), ['early']);
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await names(), ['late', 'early']);
      await page.keyboard.press('ArrowRight');
      assert.deepEqual(await names(), ['late']);
    });
  });
});

describe('webview: inspector', () => {
  it('shows how the weights of a layer spread, and what an edit leaves of them', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      await page.getByRole('button', { name: 'Weight distribution' }).click();
      const spread = page.locator('.spread');
      await textBecomes(spread, /tensor ?fc1\.weight · 128 × 128/);
      assert.ok((await spread.locator('.bars-before').getAttribute('d'))?.includes('L72 64Z'));
      assert.equal(await spread.locator('.bars-after').count(), 0);
      await host.quantize(['/fc1/Gemm'], {
        form: 'dynamic-int8',
        granularity: 'per-tensor',
        weights: 'usual',
      });
      await textBecomes(spread, /signal to noise ?4\d\.\d dB/);
      assert.equal(await spread.locator('.bars-after').count(), 1);
      await row('f.2').click();
      await spread.waitFor({ state: 'detached' });
      await row('f.6.0').click();
      await textBecomes(spread, /128 × 64 × 3 × 3/);
      const conv = host.estimateNow().layers.find((l) => l.name === 'f.6.0')?.id ?? '';
      await host.prune([conv], { kind: 'zeros', method: 'magnitude', ratio: 0.5, scope: 'layer' });
      await textBecomes(spread, /after the edit[^]*signal to noise ?\d+\.\d dB/);
      await row('fc2').click();
      const gptq = { bits: 4, blockSize: 32, isSymmetric: false, algorithm: 'gptq' } as const;
      await host.quantize(['/fc2/Gemm'], { form: 'blocks', operator: 'MatMulNBits', ...gptq });
      await textBecomes(spread, /Calibration data decide/);
      assert.equal(await spread.locator('.bars-after').count(), 0);
      await until(() => host.saved.at(-1)?.['isSpreadOpen'] === true);
    });
  });
});

describe('webview: treemap', () => {
  it('gives each layer area by its weights, chooses, zooms into a group, takes another measure', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await tab('treemap');
      const leaf = (name: string) => page.locator(`.map-leaf[title^=${JSON.stringify(`${name} · `)}]`);
      await leaf('f1').waitFor();
      const area = async (name: string): Promise<number> => {
        const box = await leaf(name).boundingBox();
        return (box?.width ?? 0) * (box?.height ?? 0);
      };
      const bytes = new Map(host.estimateNow().layers.map((l) => [l.name, l.parameterBytes]));
      const ratio = (await area('f1')) / (await area('e'));
      const expected = (bytes.get('f1') ?? 0) / (bytes.get('e') ?? 1);
      assert.ok(Math.abs(ratio / expected - 1) < 0.15, `${ratio} is about ${expected}`);
      await leaf('f1').click();
      await textBecomes(page.locator('.inspector-name'), 'f1');
      assert.equal(await leaf('f1').getAttribute('aria-pressed'), 'true');
      await page.keyboard.press('ArrowRight');
      assert.notEqual(await page.locator('.inspector-name').innerText(), 'f1');
      await page.getByRole('radio', { name: 'Activations' }).click();
      await leaf('f1').waitFor();
      assert.match((await leaf('f1').getAttribute('title')) ?? '', /2\d\d KiB \(/);
      const group = page.locator('.map-group > button').first();
      const inside = await group.innerText();
      await group.click();
      await textBecomes(page.locator('.trail'), new RegExp(`^All layers ?${inside}$`));
      await page.getByRole('button', { name: 'All layers' }).click();
      await leaf('f1').waitFor();
    });
  });
});

describe('webview: compare', () => {
  it('shows what saved what and every changed layer, and takes one back', async () => {
    const host = await sampleHost();
    const ids = host
      .estimateNow()
      .layers.filter((l) => l.canQuantize)
      .map((l) => l.id);
    await withEditor(host, {}, async ({ page, tab, rows, remote }) => {
      await rows.first().waitFor();
      await tab('compare');
      await page.getByText('Nothing changed yet.').waitFor();
      await host.quantize(ids, { form: 'dynamic-int8', granularity: 'per-channel', weights: 'usual' });
      await remote.estimateChanged(host.estimateNow());
      const { before, totals, layers } = host.estimateNow();
      const weights = page.getByRole('region', { name: 'Weights in the file' });
      const figures = await weights.locator('tr').evaluateAll((all) => all.map((e) => e.textContent));
      const changed = layers.filter((l) => l.change !== undefined);
      assert.equal(plain(figures[0] ?? ''), `Original${formatBytes(before?.parameterBytes ?? 0)}`);
      assert.equal(plain(figures.at(-1) ?? ''), `As edited${formatBytes(totals.parameterBytes)}`);
      assert.equal(figures.length, changed.length + 2);
      const largest = [...changed].sort((a, b) => b.change!.beforeBytes - a.change!.beforeBytes)[0]!;
      assert.match(plain(figures[1] ?? ''), new RegExp(`^${largest.name}−`));
      const table = page.locator('.changed-layers tbody tr');
      assert.equal(await table.count(), changed.length);
      await page.getByRole('button', { name: `Revert: ${largest.name}` }).click();
      await page.waitForFunction(
        `document.querySelectorAll('.changed-layers tbody tr').length === ${changed.length - 1}`,
      );
      await page.locator('.changed-layers').getByRole('button', { name: 'fc1', exact: true }).click();
      await textBecomes(page.locator('.inspector-name'), 'fc1');
    });
  });
});

describe('webview: checks', () => {
  it('asks for a check, then shows verdict, answers, speed and memory', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, tab, rows, remote }) => {
      await rows.first().waitFor();
      await tab('checks');
      await page.locator('.empty').getByRole('button', { name: 'Check Accuracy…' }).click();
      await page.waitForTimeout(50);
      assert.equal(
        host.calls.some((c) => c.method === 'checkAccuracy'),
        true,
      );
      await tab('layers');
      await remote.showCheck(sampleCheck);
      await textBecomes(page.locator('.verdict h2'), 'As good as the original');
      // at batch 8 and 32 the loss is 0.15 points
      assert.match(plain(await page.locator('.verdict').innerText()), /93\.4 % → 93\.3 %, −0\.15 points/);
      const answers = page.getByRole('region', { name: 'Answers' });
      assert.match(
        plain(await answers.locator('tbody tr').nth(1).innerText()),
        /^8 2000 0\.99968 31\.9 dB 0\.907 0\.113 0\.00210 99\.4 % 100 %/,
      );
      const runs = page.getByRole('region', { name: 'Speed and memory' });
      assert.equal(await runs.locator('tbody').count(), 3);
      assert.match(
        plain(await runs.locator('tbody').first().innerText()),
        /As edited.*\+45 %.*0\.61 ms.*CPU ×14/,
      );
      await remote.showCheck(sampleCheck);
      await textBecomes(page.locator('#tab-checks'), /^Checks ?1$/);
      await remote.showCheck({
        ...sampleCheck,
        id: '2',
        title: 'second',
        batches: [{ batchSize: 64, samples: 0, error: 'out of memory', outputs: [] }],
      });
      await textBecomes(page.locator('.verdict h2'), 'The check failed');
      await page.getByText('Batch 64 failed: out of memory').waitFor();
      await page.getByLabel('Report', { exact: true }).selectOption('1');
      await textBecomes(page.locator('.verdict h2'), 'As good as the original');
    });
  });

  it('knows the last report of a page that was loaded anew, without going there', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    host.open = () => Promise.resolve({ kind: 'model', view: { ...view, checks: [sampleCheck] } });
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await textBecomes(page.locator('#tab-checks'), /^Checks ?1$/);
      await tab('checks');
      await textBecomes(page.locator('.verdict h2'), 'As good as the original');
    });
  });
});

describe('webview: the tabs', () => {
  it('are all in a menu where there is no room for them, and the chosen one is in sight', async () => {
    await withEditor(await sampleHost(), { width: 380 }, async ({ page, rows }) => {
      await rows.first().waitFor();
      const isInSight = (id: string) =>
        page.evaluate<boolean>(`(() => {
          const [tab, list] = ['${id}', 'tab-layers'].map((i) => document.getElementById(i));
          const [a, b] = [tab.getBoundingClientRect(), list.parentElement.getBoundingClientRect()];
          return a.left >= b.left && a.right <= b.right - 23;
        })()`);
      assert.deepEqual([await isInSight('tab-layers'), await isInSight('tab-overview')], [true, false]);
      await page.getByRole('button', { name: 'All views' }).press('Enter');
      const items = page.getByRole('menuitemradio');
      assert.deepEqual((await items.allInnerTexts()).map(plain), ['Layers', 'Timeline', 'Treemap', 'Graph', 'Compare', 'Checks', 'Sensitivity', 'Model']); // prettier-ignore
      assert.equal(await page.locator('[role=menuitemradio]:focus').getAttribute('aria-checked'), 'true');
      await items.filter({ hasText: 'Model' }).press('Enter');
      await page.locator('.overview').waitFor();
      assert.equal(await isInSight('tab-overview'), true);
      await page.locator('#tab-overview').press('ArrowRight');
      await page.locator('#tab-layers:focus').waitFor();
      assert.equal(await isInSight('tab-layers'), true);
    });
  });

  it('need no menu where there is room', async () => {
    await withEditor(await sampleHost(), { width: 1280 }, async ({ page, rows }) => {
      await rows.first().waitFor();
      assert.equal(await page.getByRole('button', { name: 'All views' }).count(), 0);
      await page.setViewportSize({ width: 500, height: 800 });
      await page.getByRole('button', { name: 'All views' }).waitFor();
      await page.setViewportSize({ width: 1280, height: 800 });
      await page.getByRole('button', { name: 'All views' }).waitFor({ state: 'detached' });
    });
  });
});

describe('webview: model and details', () => {
  it('lists inputs, outputs, weights by type and the problems found', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    const diagnostics = [
      { severity: 'warning', message: 'fc1 is given twice', node: view.estimate.layers[8]?.id },
      { severity: 'info', message: 'Seven initializers are unused' },
    ] as const;
    host.open = () =>
      Promise.resolve({ kind: 'model', view: { ...view, model: { ...view.model, diagnostics } } });
    await withEditor(host, {}, async ({ page, tab, rows }) => {
      await rows.first().waitFor();
      await tab('overview');
      const text = plain(await page.locator('.overview').innerText());
      for (const part of [
        /input float32 \[batch, 1, 28, 28\]/,
        /logits float32 \[batch, 10\]/,
        /float32 157 K 612 KiB/,
        /Opset of ai\.onnx 17/,
        /Seven initializers/,
      ])
        assert.match(text, part);
      await page.locator('.overview .diagnostics .link').click();
      await textBecomes(page.locator('.inspector-name'), view.estimate.layers[8]?.name ?? '');
    });
  });

  it('describes the layer at the cursor anew whenever figures change', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('f.1.0').click();
      const facts = page.locator('.fact-list');
      await textBecomes(facts, /Output shape ?1 × 32 × 28 × 28/);
      await page.getByRole('button', { name: 'batch 4', exact: true }).click();
      await textBecomes(facts, /Output shape ?4 × 32 × 28 × 28/);
    });
  });

  it('shows the layer that the host chooses', async () => {
    const host = await sampleHost();
    await withEditor(host, { viewState: { tab: 'treemap' } }, async ({ page, remote }) => {
      await page.locator('.map-leaf').first().waitFor();
      const layer = host.estimateNow().layers[4]!;
      await remote.selectLayer(layer.id);
      await page.locator('.grid-row.selected .name', { hasText: exactly(layer.name) }).waitFor();
    });
  });
});
