import assert from 'node:assert/strict';
import type { Page } from 'playwright-core';
import { formatBytes } from '../../../src/format.ts';
import { learnInt8Overflows, thisMachine } from '../../../src/machine.ts';
import { sampleHost, textBecomes, transformerHost, until, withEditor } from './support/harness.ts';
import type { ModelHost } from './support/model-host.ts';

async function openDialog(page: Page) {
  await page.locator('.selection-tools').getByRole('button', { name: 'Quantize…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Quantize weights' });
  await dialog.locator('.preview-figures').waitFor();
  return dialog;
}

function optionsOf(host: ModelHost): unknown {
  return host.calls.findLast((c) => c.method === 'quantize')?.args[1];
}

describe('webview: quantize', () => {
  it('says of each form what it would weigh, and where that does not hold', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').waitFor();
      await page.getByLabel('EP').selectOption('webgpu');
      await row('fc1').click();
      const dialog = await openDialog(page);
      const [id] = host.estimateNow().layers.flatMap((l) => (l.name === 'fc1' ? [l.id] : []));
      const forms = await host.forms([id ?? '']);
      const shown = dialog.locator('.form-choice');
      for (const [name, title] of [
        ['dynamic-int8', 'Dynamic int8'],
        ['blocks-4', '4-bit blocks'],
        ['static', 'Static int8'],
        ['float16', 'float16'],
      ] as const) {
        const form = forms.find((f) => f.name === name) ?? assert.fail(name);
        const choice = shown.filter({ hasText: title });
        await textBecomes(choice.locator('.form-figures .amount'), formatBytes(form.afterBytes));
        assert.equal(await choice.getByRole('img').count(), form.warning === undefined ? 0 : 1, name);
      }
      // 128 × 128 weights and 128 biases: 4 bytes each, 2 in float16
      assert.equal(forms.find((f) => f.name === 'float16')?.afterBytes, (128 * 128 + 128) * 2);
      assert.match(forms[0]?.warning ?? '', /use 8-bit blocks/);
    });
  });

  it('takes the settings of static quantization, and data that the host asks for', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('f.6.0').click();
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^Static int8/).check();
      await dialog.getByText('Random inputs', { exact: true }).waitFor();
      await dialog.getByRole('button', { name: 'File…' }).click();
      await dialog.getByText('calibration.npz').waitFor();
      await dialog.getByRole('combobox', { name: /^Ranges of activations/ }).selectOption('entropy');
      await dialog.getByText('More options').click();
      await dialog.getByRole('combobox', { name: /^Format/ }).selectOption('qoperator');
      // integer operators take activations of 8 bits only
      assert.equal(
        await dialog
          .getByRole('combobox', { name: /^Activations/ })
          .locator('option')
          .count(),
        2,
      );
      await dialog.getByLabel(/^SmoothQuant/).check();
      await dialog.getByLabel('SmoothQuant’s alpha').fill('0.75');
      await dialog.getByLabel(/^Correct biases/).check();
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(optionsOf(host), {
        ...{ form: 'static', format: 'qoperator', activationType: 'uint8', weights: 'usual' },
        ...{ granularity: 'per-channel', range: 'entropy', isSymmetric: false, smoothQuant: 0.75 },
        ...{ equalize: false, biasCorrection: true, calibration: { path: 'calibration.npz', samples: 128 } },
      });
      assert.deepEqual(host.estimateNow().calibration, { path: 'calibration.npz', samples: 128 });
    });
  });

  for (const overflows of [true, false]) {
    it(`says what weights become where int8 products ${overflows ? 'overflow' : 'are right'}`, async () => {
      const before = thisMachine().int8Overflows;
      learnInt8Overflows(overflows);
      try {
        const host = await sampleHost();
        await withEditor(host, {}, async ({ page, row }) => {
          await row('fc1').click();
          const dialog = await openDialog(page);
          const weights = dialog.getByRole('combobox', { name: /^Weights/ });
          const chosen = weights.locator('option:checked');
          const why = dialog.getByText(/^Sums of int8 products overflow.*uint8 weights are as small/);
          const warning = dialog.getByText(/^On this processor, products of int8 weights .* overflow/);
          await textBecomes(chosen, `As usual here: ${overflows ? 'uint8' : 'int8'}`);
          assert.equal(await why.count(), overflows ? 1 : 0);
          await weights.selectOption('int8');
          if (overflows) await warning.waitFor();
          await dialog.getByLabel(/^Static int8/).check();
          await dialog.getByText('More options').click();
          await textBecomes(chosen, `As usual here: ${overflows ? 'uint8' : 'int8'}`);
          await dialog.getByRole('combobox', { name: /^Activations/ }).selectOption('int8');
          await textBecomes(chosen, 'As usual here: int8');
          assert.deepEqual(await weights.locator('option').allTextContents(), [
            'As usual here: int8',
            'int8',
            'int8, 7 bits',
          ]);
          assert.equal(await why.count(), 0, 'nothing overflows beside int8 activations');
          await dialog.getByLabel(/^Dynamic int8/).check();
          await weights.selectOption('int8');
          await warning.waitFor({ state: overflows ? 'visible' : 'detached' });
          await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
          await dialog.waitFor({ state: 'detached' });
          const options = { form: 'dynamic-int8', granularity: 'per-channel', weights: 'int8' };
          assert.deepEqual(optionsOf(host), options);
        });
      } finally {
        if (before !== undefined) learnInt8Overflows(before);
      }
    });
  }

  it('takes the settings of a cast, and says where no session would be made', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^float16/).check();
      await dialog.getByText(/^float8 \(E4M3\) is not offered/).waitFor();
      await dialog.getByRole('combobox', { name: /^Type/ }).selectOption('bfloat16');
      await dialog.getByText(/bfloat16 Gemm \(1 layer\) is refused/).waitFor();
      await dialog.getByLabel(/^Inputs and outputs, too/).check();
      await dialog.getByText('More options').click();
      await dialog.getByLabel('Layers that stay float32').fill('/f/**');
      await dialog.getByLabel('Operators that stay float32').fill('Softmax,  Relu');
      await dialog.getByLabel('Operators that stay float32').blur();
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(host.calls.findLast((c) => c.method === 'cast')?.args[1], {
        ...{ to: 'bfloat16', keepIo: false, keepFloat32: '/f/**', keepOps: ['Softmax', 'Relu'] },
      });
    });
  });

  it('takes other data for GPTQ, and goes on with those chosen before', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^4-bit blocks/).check();
      assert.equal(await dialog.getByText('Calibration data').count(), 0, 'rounding needs none');
      await dialog.getByLabel('Rounding').selectOption('gptq');
      await dialog.getByRole('button', { name: 'Folder…' }).click();
      await dialog.getByText('images', { exact: true }).waitFor();
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await row('fc2').click();
      const next = await openDialog(page);
      await next.getByLabel(/^Static int8/).check();
      await next.getByText('images', { exact: true }).waitFor();
    });
  });

  it('warns of layers that one scale serves badly, where there is to be one', async () => {
    const host = await sampleHost();
    const coarse = (n: number) => ({ name: `layer ${n}`, perTensorDb: 19.94 + n, perChannelDb: 33.61 + n });
    const looked = { layers: 5, of: 5, uptoBytes: 2 ** 20 };
    host.coarseLayers = () =>
      Promise.resolve({ layers: [0, 1, 2, 3, 4].map(coarse), looked, nextBytes: undefined });
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^Dynamic int8/).check();
      await dialog.getByRole('combobox', { name: /^Scales/ }).selectOption('per-tensor');
      const lines = dialog.locator('.coarse-layers p');
      await textBecomes(
        lines.first(),
        /layer 0: the weight keeps 19\.9 dB with one scale, 33\.6 dB with one per/,
      );
      await textBecomes(lines.last(), /and 2 more layers/);
      assert.equal(await lines.count(), 4);
      await dialog.getByRole('combobox', { name: /^Scales/ }).selectOption('per-channel');
      await lines.first().waitFor({ state: 'detached' });
    });
  });

  it('says which layers were too large to be looked at', async () => {
    const host = await sampleHost();
    let looked = { layers: 12, of: 40, uptoBytes: 24 * 2 ** 20 };
    host.coarseLayers = () => Promise.resolve({ layers: [], looked, nextBytes: 300 * 2 ** 20 });
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      const scales = dialog.getByRole('combobox', { name: /^Scales/ });
      await scales.selectOption('per-tensor');
      await textBecomes(dialog.locator('.coarse-layers'), /the smallest 12 of 40 layers, of up to 24\.0 MiB/);
      await scales.selectOption('per-channel');
      looked = { layers: 0, of: 40, uptoBytes: 0 };
      await scales.selectOption('per-tensor');
      await textBecomes(dialog.locator('.coarse-layers'), /not looked at: the smallest layer holds 300 MiB/);
    });
  });

  it('has no weights read any more once the scales are others, or the dialog is closed', async () => {
    const host = await sampleHost();
    const asked: string[] = [];
    host.coarseLayers = () => {
      asked.push('read');
      return new Promise(() => undefined);
    };
    host.stopReading = () => Promise.resolve(void asked.push('stop'));
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      const scales = dialog.getByRole('combobox', { name: /^Scales/ });
      await scales.selectOption('per-tensor');
      await until(() => asked.join() === 'read');
      await scales.selectOption('per-channel');
      await until(() => asked.join() === 'read,stop');
      await scales.selectOption('per-tensor');
      await until(() => asked.join() === 'read,stop,read');
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
      await until(() => asked.join() === 'read,stop,read,stop');
    });
  });

  it('says that calibration needs trust, before it is asked for', async () => {
    const host = await sampleHost();
    const { view } = await host.open();
    host.open = () => Promise.resolve({ kind: 'model', view: { ...view, isTrusted: false } });
    await withEditor(host, {}, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      assert.equal(await dialog.getByText(/trust the workspace/).count(), 0);
      await dialog.getByLabel(/^Static int8/).check();
      await dialog.getByText(/trust the workspace/).waitFor();
    });
  });

  it('chooses a form for each layer, and says why one stays as it is', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async ({ page, rows }) => {
      await rows.first().click();
      await page.keyboard.press('Control+a');
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^Auto/).check();
      const layers = dialog.locator('.preview-layers tbody tr');
      await layers.first().waitFor();
      assert.match((await layers.first().textContent()) ?? '', /blocks|dynamic int8/);
      const few = await layers.count();
      await dialog.getByLabel(/^Signal to noise/).fill('99');
      await until(() => host.calls.filter((c) => c.method === 'preview').length > 2);
      await dialog.locator('.preview-line.circle-slash').first().waitFor();
      assert.ok((await layers.count()) < few);
      assert.equal(await dialog.getByRole('button', { name: 'Quantize', exact: true }).isDisabled(), true);
      await dialog.getByLabel(/^Signal to noise/).fill('30');
      await layers.first().waitFor();
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      assert.deepEqual(optionsOf(host), { form: 'auto', minSqnrDb: 30 });
      await page.locator('.recipe .edit').first().waitFor();
    });
  });

  it('measures the weight error into a column and the inspector', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async ({ page, row, cell }) => {
      await row('fc1').click();
      await row('fc1').click({ button: 'right' });
      const menu = page.getByRole('menu');
      const item = menu.getByRole('menuitem', { name: 'Measure Weight Error' });
      assert.equal(await item.isDisabled(), true, 'nothing is quantized');
      await page.keyboard.press('Escape');
      const dialog = await openDialog(page);
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await row('fc1').click({ button: 'right' });
      await item.click();
      await row('fc1').locator('.cell-sqnr').waitFor();
      const found = host.estimateNow().layers.find((l) => l.name === 'fc1')?.sqnrDb;
      assert.ok(typeof found === 'number' && found > 30 && found < 60);
      assert.equal(await cell('fc1', 'sqnr'), `${found.toFixed(1)} dB`);
      assert.equal(await cell('f.6.0', 'sqnr'), '');
      await page
        .locator('.inspector')
        .getByText(`${found.toFixed(1)} dB`)
        .first()
        .waitFor();
    });
  });

  it('shows the grid of 4-bit weights under their distribution', async () => {
    const host = await sampleHost();
    await withEditor(host, { viewState: { isSpreadOpen: true } }, async ({ page, row }) => {
      await row('fc1').click();
      const dialog = await openDialog(page);
      await dialog.getByLabel(/^4-bit blocks/).check();
      await dialog.getByRole('button', { name: 'Quantize', exact: true }).click();
      await dialog.waitFor({ state: 'detached' });
      await page.getByText('step of the scale').waitFor();
      // 16 levels, of which those beyond the smallest and the largest weight are not drawn
      const path = (await page.locator('.bars-grid').getAttribute('d')) ?? '';
      const marks = path.split('M').length - 1;
      assert.ok(marks > 2 && marks <= 16, path);
    });
  });
});
