import assert from 'node:assert/strict';
import type { PictureFile } from '../../../src/protocol.ts';
import { sampleHost, textBecomes, transformerHost, until, withEditor } from './support/harness.ts';
import { graphView as view, openGraph, spoken } from './support/graph.ts';

describe('webview: graph', () => {
  it('is walked by keyboard along its tensors, says where it is, and shows the layer', async () => {
    await withEditor(await sampleHost(), {}, async (editor) => {
      const { page } = editor;
      await openGraph(editor);
      await page.locator(view).focus();
      await page.keyboard.press('Home');
      await textBecomes(spoken(page), /^input: input of the model. 0 tensors in, 1 out/);
      await page.keyboard.press('ArrowDown');
      await textBecomes(spoken(page), /^0\/0 · Conv: weights 1\.25 KiB, activations 196 KiB/);
      await textBecomes(page.locator('.inspector-name'), 'f.0.0');
      await page.keyboard.press('ArrowDown');
      await textBecomes(page.locator('.inspector-name'), 'f.1.0');
      await page.keyboard.press('ArrowUp');
      await textBecomes(page.locator('.inspector-name'), 'f.0.0');
      await page.keyboard.press('Enter');
      await textBecomes(spoken(page), / Open\.$/);
      // into the open layer: its Conv and then its Relu
      await page.keyboard.press('ArrowDown');
      await textBecomes(spoken(page), /^Conv · Conv/);
      await page.keyboard.press('ArrowDown');
      await textBecomes(spoken(page), /^Relu · Relu/);
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await textBecomes(spoken(page), /^f · 12 nodes/);
    });
  });

  it('lists the tensors of a layer with their bytes, follows one, and goes to its other end', async () => {
    const host = await transformerHost();
    await withEditor(host, {}, async (editor) => {
      const { page, remote } = editor;
      await openGraph(editor);
      await remote.selectLayer('/f1/MatMul');
      await openGraph(editor);
      const f1 = host.estimateNow().layers.find((l) => l.name === 'f1');
      assert.ok(f1 !== undefined);
      await textBecomes(page.locator('.inspector-name'), 'f1');
      const incoming = page.locator('.tensor-lists section').first();
      await textBecomes(incoming.locator('h2'), 'Tensors in (1)');
      const tensor = incoming.locator('.tensor-name').first();
      await tensor.click();
      assert.equal(await tensor.getAttribute('aria-pressed'), 'true');
      await incoming.locator('.ends .link').first().click();
      await textBecomes(page.locator('.inspector-name'), 'n2');
    });
  });

  it('chooses what is clicked, opens what is double-clicked', async () => {
    await withEditor(await sampleHost(), {}, async (editor) => {
      const { page } = editor;
      await openGraph(editor);
      await page.getByRole('button', { name: 'Close all groups' }).click();
      const box = await page.locator(view).boundingBox();
      assert.ok(box !== null);
      // all boxes are one under the other in the middle: down to that of the group
      const middle = box.x + box.width / 2;
      let y = box.y;
      while (!((await spoken(page).textContent()) ?? '').startsWith('f ')) {
        y += 12;
        assert.ok(y < box.y + box.height, 'the group is there');
        await page.mouse.click(middle, y);
      }
      await textBecomes(spoken(page), /^f · 12 nodes.* Closed\.$/);
      await page.mouse.dblclick(middle, y + 12);
      await textBecomes(spoken(page), / Open\.$/);
      await page.mouse.click(box.x + 5, box.y + 5);
      await textBecomes(page.locator('.graph-hint'), /^Click a box/);
    });
  });

  it('finds by operator, opens what the found is in, counts', async () => {
    await withEditor(await transformerHost(), {}, async (editor) => {
      const { page } = editor;
      await openGraph(editor);
      await page.getByLabel('Find in the graph').fill('softmax');
      await textBecomes(page.locator('.found'), '3 found');
      await page.keyboard.press('Enter');
      await textBecomes(page.locator('.found'), '1 of 3');
      await textBecomes(spoken(page), /Softmax/);
      await page.keyboard.press('Shift+Enter');
      await textBecomes(page.locator('.found'), '3 of 3');
      await page.getByLabel('Find in the graph').fill('no such thing');
      await textBecomes(page.locator('.found'), '0 found');
    });
  });

  it('takes other colours for other figures, and other figures for other dims, without moving', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const { page } = editor;
      await openGraph(editor);
      const scale = page.locator('.heat-scale');
      await textBecomes(scale, /289 KiB$/);
      await page.getByRole('radio', { name: 'Activations' }).click();
      await textBecomes(scale, /196 KiB$/);
      await page.getByRole('spinbutton', { name: 'batch' }).fill('2');
      await textBecomes(scale, /392 KiB$/);
      await page.getByRole('radio', { name: 'Alive' }).click();
      await textBecomes(scale, /398 KiB$/);
      await until(() => host.saved.at(-1)?.['graphMetric'] === 'alive');
    });
  });

  it('saves what is open as SVG and PNG', async () => {
    const host = await sampleHost();
    await withEditor(host, {}, async (editor) => {
      const { page } = editor;
      await openGraph(editor);
      const save = async (kind: string): Promise<PictureFile> => {
        const before = host.calls.length;
        await page.getByRole('button', { name: 'Save a picture' }).click();
        await page.getByRole('button', { name: `Save as ${kind}` }).click();
        await until(() => host.calls.slice(before).some((c) => c.method === 'savePicture'));
        return host.calls.at(-1)?.args[0] as PictureFile;
      };
      const svg = await save('SVG');
      assert.match(svg.data, /^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      const { layers } = host.estimateNow();
      assert.equal(svg.data.match(/>Conv · /g)?.length, layers.filter((l) => l.opType === 'Conv').length);
      const png = Buffer.from((await save('PNG')).data, 'base64');
      assert.equal(png.subarray(1, 4).toString(), 'PNG');
      // twice the size of the SVG
      const width = Number(/width="(\d+)"/.exec(svg.data)?.[1]);
      assert.ok(Math.abs(png.readUInt32BE(16) - 2 * width) <= 2);
      await textBecomes(page.locator('.notice'), /The picture is saved/);
    });
  });

  it('says what went wrong, and tries again', async () => {
    const host = await sampleHost();
    const graph = host.graph.bind(host);
    host.graph = () => Promise.reject(new Error('out of memory'));
    await withEditor(host, {}, async ({ page, rows, tab }) => {
      await rows.first().waitFor();
      await tab('graph');
      await textBecomes(page.locator('.empty'), /The graph cannot be shown ?out of memory/);
      host.graph = graph;
      await page.getByRole('button', { name: 'Try Again' }).click();
      await page.locator(view).waitFor();
    });
  });
});
