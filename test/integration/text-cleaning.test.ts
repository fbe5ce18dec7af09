import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { DataType } from '../../src/onnx/model.ts';
import { encode, floats, graph, model, node, tensor, value } from '../support/model-builder.ts';
import { closeAll, eventually, inWorkspace, viewOf } from './host.ts';
import { openText } from './text-host.ts';

describe('The text view, cleaning', () => {
  afterEach(closeAll);

  it('offers to clean initializers that do nothing, all at once, float64 and local functions', async () => {
    const uri = inWorkspace('waste.onnx');
    const biases = [1, 2, 3].map((i) => `bias${i}`);
    const g = graph({
      inputs: [value('x', ['batch', 1000])],
      outputs: [
        ...[value('x3', ['batch', 1000]), value('wider', ['batch', 1000], DataType.double)],
        value('y', ['batch', 4]),
      ],
      initializers: [
        ...[floats('spare', [2000]), floats('w', [1000, 4])],
        ...biases.map((name) => floats(name, [1000])),
        tensor('wide', DataType.double, [1000], new Uint8Array(8000)),
      ],
      nodes: [
        ...biases.map((name, i) => node('Add', [i === 0 ? 'x' : `x${i}`, name], [`x${i + 1}`])),
        node('Cast', ['x'], ['x_double'], { to: DataType.double }),
        node('Add', ['x_double', 'wide'], ['wider']),
        node('Dense', ['x', 'w'], ['y'], { domain: 'my', name: 'dense' }),
      ],
    });
    const dense = {
      ...{ name: 'Dense', domain: 'my', overload: '', inputs: ['a', 'b'], outputs: ['c'] },
      ...{ attributes: [], attributeDefaults: [], opsetImports: [{ domain: '', version: 17 }] },
      ...{ nodes: [node('MatMul', ['a', 'b'], ['c'], { name: 'product' })], valueInfo: new Map() },
    };
    const spec = { opset: 17, irVersion: 9, opsets: { my: 1 }, functions: [dense] };
    await vscode.workspace.fs.writeFile(uri, await encode(model(g, spec)));
    const { document } = await openText(uri);
    const fix = async (problem: RegExp, title: string): Promise<void> => {
      const found = await eventually('the problem', () =>
        vscode.languages.getDiagnostics(document.uri).find((d) => problem.test(d.message)),
      );
      const actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
        'vscode.executeCodeActionProvider',
        document.uri,
        found.range,
        vscode.CodeActionKind.QuickFix.value,
      );
      const action = actions.find((a) => a.title === title);
      const { command, arguments: args = [] } = action?.command ?? assert.fail(`${title} is a fix`);
      await vscode.commands.executeCommand(command, ...(args as unknown[]));
      await eventually('the problem solved', () =>
        vscode.languages.getDiagnostics(document.uri).some((d) => problem.test(d.message)) ? undefined : true,
      );
    };
    await fix(/used by no node/, 'Remove unused initializers');
    await fix(/initializers are equal to others/, 'Merge duplicate initializers');
    await fix(/of float64 weights/, 'Make float32 of all that is float64');
    await fix(/^Layers inside local functions/, 'Write out local functions');
    const { estimate } = await viewOf(uri);
    const inside = estimate.layers.find((l) => l.id === 'dense/product');
    assert.deepEqual([inside?.canPrune, inside?.canQuantize], [true, true]);
    assert.deepEqual(
      estimate.edits.map((e) => [e.label, e.beforeBytes, e.afterBytes]),
      [
        ['Remove unused initializers', 8000, 0],
        ['Merge 2 duplicate initializers', 8000, 0],
        ['Make float32 of float64', 8000, 4000],
        ['Write out local functions', 0, 0],
      ],
    );
  });

  it('cleans them up by one command, which says where there is nothing to do', async () => {
    const uri = inWorkspace('waste-command.onnx');
    const used = ['bias1', 'bias2'];
    const g = graph({
      inputs: [value('x', ['batch', 1000])],
      outputs: [value('x2', ['batch', 1000])],
      initializers: [floats('spare', [2000]), ...used.map((name) => floats(name, [1000]))],
      nodes: used.map((name, i) => node('Add', [i === 0 ? 'x' : 'x1', name], [`x${i + 1}`])),
    });
    await vscode.workspace.fs.writeFile(uri, await encode(model(g)));
    await vscode.commands.executeCommand('vramLens.clean', uri);
    const edits = async () =>
      (await viewOf(uri)).estimate.edits.map((e) => [e.label, e.beforeBytes, e.afterBytes]);
    const expected = [['Remove unused initializers, merge 1 duplicates', 12_000, 0]];
    assert.deepEqual(await edits(), expected);
    await vscode.commands.executeCommand('vramLens.clean', uri);
    assert.deepEqual(await edits(), expected);
  });
});
